/**
 * The connection to NATS, with a real nats-server of version 2.10 or newer: see `test/support/nats_server.ts`.
 */

import { testBrokenLink, testLink } from "../support/link_suite.ts";
import { openNatsLinks } from "../support/nats_links.ts";

const body = { name: "NATS", ackWaitMs: 1000, open: openNatsLinks };
testLink(body);
testBrokenLink(body);
