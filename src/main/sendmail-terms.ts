import fs from "node:fs";
import os from "node:os";
import { readLocalFile } from "../adapters/config-file/local-file.ts";
import { INBOUND } from "../core/base/limits.ts";
import { parseSmartHostUrl } from "../core/config/values.ts";
import { parseDomain } from "../core/mail/domain.ts";
import { FREE_TERMS } from "../core/routing/site-terms.ts";
import type { SmartHost } from "../core/routing/smart-host.ts";
import { CommandFailure, EXIT } from "../surfaces/cli/failure.ts";

/** What sendmail goes by. */
export interface SendmailTerms {
  /** Behind addresses that have no domain. */
  readonly domain: string;
  readonly server: SmartHost;
  readonly messageOctetsMax: number;
  /** Undefined where nobody named one and the usual one is not there. */
  readonly spool: string | undefined;
}

const USUAL_SERVER = "smtp://127.0.0.1:2525";
/** For users who may not read the configuration. */
const USUAL_SPOOL = "/var/spool/waypost";

/** From the environment, else from the configuration as far as this user may read it, else what is usual. */
export async function sendmailTerms(named: string | undefined): Promise<SendmailTerms> {
  const { WAYPOST_CONFIG: config, WAYPOST_SENDMAIL_SERVER: server, WAYPOST_SPOOL: spool } = process.env;
  const file = await readLocalFile(named ?? given(config), process.env);
  if (file.kind === "failed") throw new CommandFailure(file.why, EXIT.config);
  const { terms } = file;
  const isOther = given(server) !== undefined;
  const { host, port } = terms.server ?? {};
  const known = host === undefined ? USUAL_SERVER : `smtp://${host.includes(":") ? `[${host}]` : host}:${port}`;
  return {
    domain: terms.domain ?? parseDomain(os.hostname())?.ascii ?? "localhost.localdomain",
    server: serverOf(given(server) ?? known),
    messageOctetsMax: isOther ? INBOUND.messageOctetsMax : terms.messageOctetsMax,
    spool: given(spool) ?? terms.spool ?? (fs.existsSync(USUAL_SPOOL) ? USUAL_SPOOL : undefined),
  };
}

/** An empty variable is as good as none. */
function given(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}

function serverOf(text: string): SmartHost {
  const parsed = parseSmartHostUrl(text.includes("://") ? text : `smtp://${text}`);
  if ("kind" in parsed)
    throw new CommandFailure(`WAYPOST_SENDMAIL_SERVER takes HOST:PORT or smtp://HOST:PORT: ${parsed.why}`, EXIT.config);
  const { host, port, isImplicitTls, credentials } = parsed;
  const tls = credentials === undefined ? "opportunistic" : "verify";
  return { name: "relay", host, port, isImplicitTls, tls, credentials, authorities: [], ...FREE_TERMS };
}
