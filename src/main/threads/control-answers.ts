import type { Answers } from "../../adapters/control-socket/server.ts";
import type { Importer } from "../../engine/importer.ts";
import {
  type PruneReport,
  type PruneRequest,
  type Refusal,
  type ReloadAnswer,
  type ReloadRequest,
  pruneRequest,
  reloadRequest,
} from "../../engine/operator.ts";
import type { QueueOperator } from "../../engine/queue-operator.ts";
import type { QueueView } from "../../engine/queue-view.ts";

export interface ControlAnswersParts {
  readonly view: Pick<QueueView, "status" | "list" | "count" | "show">;
  readonly changes: Pick<QueueOperator, "act" | "pause">;
  readonly importer: Pick<Importer, "take">;
  /** What ended a moment ago is to be in history. */
  catchUp(): void;
  prune(request: PruneRequest): PruneReport;
  /** Undefined where the main thread does not answer in time. */
  reload(request: ReloadRequest): Promise<ReloadAnswer | undefined>;
  /** What would not be gone on with is refused then. */
  isStopping(): boolean;
}

const NO_ANSWER: ReloadAnswer = {
  kind: "failed",
  refused: "the relay did not answer in time: its log says what became of it",
};

const NO_IMPORT: Refusal = {
  kind: "failed",
  refused: "the relay is stopping, and takes no mail: import the file when it runs again",
};

const NO_RELOAD: Refusal = {
  kind: "failed",
  refused: "the relay is stopping: nothing was changed, and it goes by its file when it is started again",
};

/** What the control thread answers the command line. */
export function controlAnswers(parts: ControlAnswersParts): Answers {
  const { view, changes, importer } = parts;
  return {
    status: ({ hasActiveSites }) => view.status(hasActiveSites),
    list: (query) => view.list(query),
    count: (query) => view.count(query),
    show: (id) => {
      parts.catchUp();
      return view.show(id);
    },
    act: (request) => changes.act(request),
    pause: (request) => changes.pause(request),
    prune: (text) => {
      const request = pruneRequest(text);
      return "refused" in request ? request : parts.prune(request);
    },
    import: async (body) => {
      if (parts.isStopping()) return NO_IMPORT;
      // With what checks its lines it takes megabytes, and most relays import nothing in all their life.
      const { mailsOf } = await import("../../adapters/queue-file/mails.ts");
      return await importer.take(mailsOf(body));
    },
    reload: async (text) => {
      const request = reloadRequest(text);
      if ("refused" in request) return request;
      if (parts.isStopping() && !request.isDryRun) return NO_RELOAD;
      return (await parts.reload(request)) ?? NO_ANSWER;
    },
  };
}
