/**
 * The connection to a real nats-server, as a body for the tests of its contract.
 *
 * @module
 */

import type { Link } from "../../src/cluster/link.ts";
import { type LinkFailure, type LinkSettings, openLink } from "../../src/cluster/nats.ts";
import { type Breakable, openBreakable } from "./breakable.ts";
import type { BreakableLinks } from "./link_suite.ts";
import { startNatsServer } from "./nats_server.ts";
import { eventually } from "./processes.ts";

/** A link and what it has reported; disposing of it closes it. */
export interface ReportingLink extends AsyncDisposable {
  /** The link. */
  readonly link: Link;
  /** What it has reported. */
  readonly failures: readonly LinkFailure[];
}

/** Opens a link to these servers, without TLS and without credentials by default. */
export function openReportingLink(
  servers: string | readonly string[],
  settings: Partial<LinkSettings> = {},
): ReportingLink {
  const failures: LinkFailure[] = [];
  const link = openLink(
    {
      servers: [servers].flat(),
      tls: undefined,
      credentials: { kind: "none" },
      name: "test",
      ...settings,
    },
    (failure) => failures.push(failure),
  );
  return { link, failures, [Symbol.asyncDispose]: () => link.close() };
}

/** Waits until a link has a connection. */
export function connected(link: Link): Promise<void> {
  return eventually("there is a connection", () => link.connected);
}

/** Starts a server whose connections can be lost. */
export async function openNatsLinks(): Promise<BreakableLinks> {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await startNatsServer());
  const breakables = new Map<Link, Breakable>();
  const owned = stack.move();
  return {
    async connect() {
      const breakable = owned.use(openBreakable(server.port));
      const { link } = owned.use(openReportingLink(`127.0.0.1:${breakable.port}`));
      breakables.set(link, breakable);
      await connected(link);
      return link;
    },
    pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    cut: (link) => breakables.get(link)?.cut(),
    mend: (link) => breakables.get(link)?.mend(),
    async restart() {
      await server.kill();
      await server.start();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
