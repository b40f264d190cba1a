/**
 * Node's HTTP. An import of `node:http` names all that it exports, and with its WebSocket all of Node's fetch is loaded
 * (lib/http.js, lazyUndici): some 70 ms of CPU at each start, and of each command that asks the relay.
 */
export const http = process.getBuiltinModule("node:http");
