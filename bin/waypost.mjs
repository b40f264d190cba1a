#!/usr/bin/env node
// The launcher: finds a Node that Waypost runs on and starts the program with it. It has to run on any Node, also on
// one that is too old for Waypost.
import { spawn } from "node:child_process";
import fs from "node:fs";
import module from "node:module";
import os from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const OLDEST = [24, 15];
const CONFIGURATION_ERROR = 78; // EX_CONFIG of sysexits.h
const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"];

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const compiled = path.join(root, "dist/main/cli.js");
const program = fs.existsSync(compiled) ? compiled : path.join(root, "src/main/cli.ts");

function isNewEnough(version) {
  const [major, minor] = version.split(".").map(Number);
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}

/** In node_modules, here or in a folder above. */
function inModules(name) {
  for (let folder = root; ; folder = path.dirname(folder)) {
    const candidate = path.join(folder, "node_modules", name);
    if (fs.existsSync(candidate)) return candidate;
    if (folder === path.dirname(folder)) return undefined;
  }
}

/**
 * Half of a start is the compiling of modules: what was compiled is kept among the modules, for all threads of the program,
 * where it may be written. Not in a folder for everybody's temporary files, where others could put code.
 */
function keepCompiled() {
  const modules = inModules(".");
  if (modules !== undefined) process.env.NODE_COMPILE_CACHE ??= path.join(modules, ".cache/waypost");
  return process.env.NODE_COMPILE_CACHE;
}

/**
 * Sockets that a service manager handed over (sd_listen_fds(3)) are behind the three that everybody has: by the rule of
 * adapters/system/handed-sockets, that they are for this process, and a number that can be.
 */
function handedSockets() {
  const { LISTEN_PID: pid, LISTEN_FDS: count = "" } = process.env;
  if (pid !== String(process.pid) || !/^\d{1,3}$/.test(count)) return [];
  return Array.from({ length: Number(count) }, (_, n) => (isOpen(3 + n) ? 3 + n : "ignore"));
}

function isOpen(descriptor) {
  try {
    fs.fstatSync(descriptor);
    return true;
  } catch {
    return false;
  }
}

/**
 * Signals reach the program, and its end is ours. A terminal and a service manager signal both of us, so that it may get
 * one twice: the relay heeds the first.
 */
function hand(node) {
  const child = spawn(node, [program, ...process.argv.slice(2)], {
    stdio: ["inherit", "inherit", "inherit", ...handedSockets()],
    env: { ...process.env, WAYPOST_LAUNCHER: String(process.pid) },
  });
  for (const signal of SIGNALS) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    console.error(`waypost: ${node} cannot be started: ${error.message}`);
    process.exitCode = CONFIGURATION_ERROR;
  });
  child.on("exit", (code, signal) => {
    for (const handled of SIGNALS) process.removeAllListeners(handled);
    if (signal !== null) process.kill(process.pid, signal);
    process.exitCode = code ?? 1;
  });
}

/**
 * The first process of a container has no defaults for signals: one that it does not handle does not reach it, and the
 * runtime would have to kill it. Whoever has something to finish handles them later, and then this leaves it to them.
 */
function endBySignals() {
  for (const signal of ["SIGTERM", "SIGINT"])
    process.on(signal, () => {
      if (process.listenerCount(signal) === 1) process.exit(128 + os.constants.signals[signal]);
    });
}

// A link to this file, /usr/sbin/sendmail.
if (path.basename(process.argv[1] ?? "") === "sendmail") process.argv.splice(2, 0, "sendmail");
// Node opens its inspector to whoever may send this signal; with a listener it does not.
process.on("SIGUSR1", () => undefined);
if (process.pid === 1) endBySignals();
const compiledModules = keepCompiled();
if (isNewEnough(process.versions.node)) {
  if (compiledModules !== undefined) module.enableCompileCache(compiledModules);
  await import(pathToFileURL(program).href);
} else {
  // The one that `npm ci` put there.
  const node = inModules(".bin/node");
  if (node !== undefined) hand(node);
  else {
    console.error(
      `waypost: needs Node ${OLDEST.join(".")} or newer, this is ${process.versions.node}; install it from https://nodejs.org (in a checkout of Waypost, npm ci brings its own)`,
    );
    process.exitCode = CONFIGURATION_ERROR;
  }
}
