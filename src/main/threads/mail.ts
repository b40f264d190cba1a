// A mail thread as the system has it: its sockets, its disk, its clock.
import { FolderOfContents } from "../../adapters/content-files/content-files.ts";
import { PasswordVerifier, runningShare } from "../../adapters/crypto/passwords.ts";
import { DnsResolver } from "../../adapters/dns/resolver.ts";
import { NetTransport } from "../../adapters/net/transport.ts";
import { SpoolFolder } from "../../adapters/spool/spool-folder.ts";
import { SystemClock } from "../../adapters/system/clock.ts";
import { SystemEntropy } from "../../adapters/system/entropy.ts";
import { userWords } from "../../adapters/system/process-user.ts";
import { MailThread } from "../mail-thread.ts";
import { type MailThreadData, dataPaths } from "../plan.ts";
import { NetListeners } from "./listening.ts";
import { type Orders, live, report, reportStopped, threadRecorder } from "./thread.ts";

function main(data: MailThreadData): Orders {
  const { plan } = data;
  const clock = new SystemClock();
  const entropy = new SystemEntropy();
  const thread = new MailThread(data, {
    clock,
    entropy,
    recorder: threadRecorder(plan),
    files: new FolderOfContents(dataPaths(plan.config.data).content),
    transport: new NetTransport(),
    spool: (folder) => new SpoolFolder(folder, (uid) => userWords(uid).login),
    listeners: (parts) => new NetListeners(parts),
    resolverFor: (servers) => new DnsResolver({ servers, clock, entropy }),
    verifierFor: (credentials, checkers) =>
      new PasswordVerifier({ credentials, clock, runningMax: runningShare(checkers) }),
  });
  report({ kind: "ready" });
  return {
    stop: () => void thread.stop().then(() => reportStopped()),
    prepare: async ({ plan, listening }) => {
      try {
        report({ kind: "prepared", ports: await thread.prepare(plan, listening) });
      } catch (error) {
        report({ kind: "not-prepared", text: error instanceof Error ? error.message : String(error) });
      }
    },
    abandon: () => thread.abandon(),
    adopt: () => thread.adopt(),
  };
}

live(main);
