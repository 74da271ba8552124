/**
 * The thread of `link_in_thread.ts`.
 *
 * @module
 */

import { type LinkFailure, type LinkSettings, openLink } from "../../src/cluster/nats.ts";

const thread = self as unknown as {
  onmessage: (message: MessageEvent<LinkSettings>) => void;
  postMessage(failures: readonly LinkFailure[]): void;
};

thread.onmessage = async ({ data: settings }) => {
  const first = Promise.withResolvers<readonly LinkFailure[]>();
  const link = openLink(settings, (failure) => first.resolve([failure]));
  link.onChange(() => first.resolve([]));
  const failures = await first.promise;
  await link.close();
  thread.postMessage(failures);
};
