/**
 * The addresses of the NATS servers.
 *
 * @module
 */

import { isIP } from "node:net";
import { authority } from "./authority.ts";
import { mustBe } from "./kinds.ts";
import { isHostName } from "./listening.ts";
import { settings } from "./settings.ts";
import { oneLine, shownUrl } from "./shown.ts";
import type { Values } from "./sources.ts";

/** The servers that JOBRUNNER_NATS_URL names. */
export interface NatsServers {
  /** Host and port of each, IPv6 in brackets. */
  readonly servers: readonly string[];
  /** Whether TLS is required. */
  readonly tls: boolean;
}

const name = "JOBRUNNER_NATS_URL";

/** The port of a NATS server unless another one is given. */
const defaultPort = 4222;

/** Reads the setting, which has a value; undefined after an error. */
export function readNatsUrl(values: Values): NatsServers | undefined {
  const entries = values.text(name).split(",").map((entry) => entry.trim());
  const parts = entries.map(partsOf);
  const [first] = parts;
  const refuse = (detail: string) => values.addSentence(name, mustBe(kind, detail));
  if (entries.some((entry) => entry.includes("@"))) {
    return refuse(
      "it contains a user, a password or a token: these have settings and files of their own",
    );
  }
  const servers = parts.map(serverOf);
  const wrong = servers.indexOf(undefined);
  if (wrong >= 0) {
    return refuse(`${oneLine(shownUrl(entries[wrong] ?? "")) || "an empty entry"} is not one`);
  }
  if (first?.scheme === undefined) return refuse("it must begin with nats:// or tls://");
  if (parts.some((part) => (part?.scheme ?? first.scheme) !== first.scheme)) {
    return refuse("all of them must have the same scheme");
  }
  return {
    servers: servers.filter((server) => server !== undefined),
    tls: first.scheme === "tls",
  };
}

const { kind } = settings.find((row) => row.name === name) as typeof settings[number];

/** One address, taken apart. */
interface Parts {
  /** In lower case; undefined if there is none. */
  readonly scheme: string | undefined;
  readonly host: string;
  /** Its digits; undefined if there is none. */
  readonly port: string | undefined;
}

function partsOf(entry: string): Parts | undefined {
  const [, scheme, host = "", port] =
    /^(?:(nats|tls):\/\/)?(\[[^\]]*\]|[^:/]*)(?::(\d{1,5}))?\/?$/i.exec(entry) ?? [];
  return host === "" ? undefined : { scheme: scheme?.toLowerCase(), host, port };
}

/** The host and port of an address; undefined if it is not valid. */
function serverOf(parts: Parts | undefined): string | undefined {
  if (!parts) return undefined;
  const port = Number(parts.port ?? defaultPort);
  const host = hostOf(parts.host.toLowerCase());
  return host === undefined || port < 1 || port > 65535 ? undefined : authority(host, port);
}

/** The host without brackets; undefined if it is not valid. Names in the network of containers may contain underscores. */
function hostOf(text: string): string | undefined {
  const inBrackets = /^\[([\da-f:.]+)\]$/.exec(text)?.[1];
  if (inBrackets !== undefined) return isIP(inBrackets) === 6 ? inBrackets : undefined;
  return isIP(text) === 4 || isHostName(text.replaceAll("_", "x")) ? text : undefined;
}
