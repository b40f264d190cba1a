// A thread that enters sessions of one address until none is admitted any more, and says how many were.
import { parentPort, workerData } from "node:worker_threads";
import { SessionCount, type SessionLimits, type SharedSessions } from "../../src/main/session-count.ts";

const { shared, limits } = workerData as { readonly shared: SharedSessions; readonly limits: SessionLimits };
const count = new SessionCount(shared, 0, limits);
parentPort!.on("message", () => {
  let admitted = 0;
  // Some leave again, so that counts go both ways while the other thread looks at them.
  for (let seat = count.enter("192.0.2.1", true); typeof seat !== "string"; seat = count.enter("192.0.2.1", true)) {
    if (++admitted % 3 !== 0) continue;
    seat.leave();
    admitted--;
    if (typeof count.enter("192.0.2.1", true) === "string") break;
    admitted++;
  }
  parentPort!.postMessage(admitted);
  parentPort!.close();
});
parentPort!.postMessage("ready");
