import fs from "node:fs";

const LOOK_MS = 500;

/** The process that started this one because its own Node is too old; 0 where there is none. */
export const launcher = Number(process.env["WAYPOST_LAUNCHER"] ?? 0);

/**
 * Where an older Node started this one, the relay ends with it: a launcher that was killed cannot pass on its signal,
 * and a relay that nobody knows of would keep the ports.
 */
export function followLauncher(): void {
  process.on("SIGUSR1", () => undefined); // Node opens its inspector to whoever may send it; a launcher's own care ends with it
  delete process.env["WAYPOST_LAUNCHER"];
  if (launcher === 0 || !fs.existsSync("/proc/self")) return;
  const timer = setInterval(() => {
    if (process.ppid === launcher) return;
    clearInterval(timer);
    process.kill(process.pid, "SIGTERM");
  }, LOOK_MS).unref();
}
