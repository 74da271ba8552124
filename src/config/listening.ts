/**
 * The address and the host names of the server.
 *
 * @module
 */

import { isIP } from "node:net";
import { hostNameOf } from "../wire/host_name.ts";
import { isNetwork, networksOf } from "../wire/networks.ts";
import type { HttpConfig, SocketConfig, Surroundings } from "./config.ts";
import { absolute } from "./files.ts";
import { shownValue } from "./shown.ts";
import type { Values } from "./sources.ts";

/** Reads the address and the host names. An invalid password or tokens file counts as one here, since it is an error already. */
export function readListening(
  values: Values,
  hasPassword: boolean,
  around: Pick<Surroundings, "os" | "cwd">,
): Pick<HttpConfig, "address" | "socket" | "socketMode" | "hostNames"> {
  const socket = readSocket(values, around);
  const common = { socket, socketMode: readSocketMode(values) };
  const address = socket ? `unix:${socket.path}` : readListenAddress(values);
  const hostNames = readAllowedHosts(values);
  // An invalid value is an error already, and does not count as `off`.
  const isClosed = values.text("JOBRUNNER_ALLOW_OPEN") === "off";
  values.choice("JOBRUNNER_ALLOW_OPEN");
  if (address === undefined) return { ...common, address: "", hostNames };
  if (socket) return { ...common, address, hostNames };
  if (!isLoopback(address) && !hasPassword && isClosed) {
    values.addError(
      "JOBRUNNER_HTTP_LISTEN_ADDRESS",
      undefined,
      "on loopback while neither a password nor a token is set, since anyone who can reach it could run jobs: set JOBRUNNER_PASSWORD_FILE or JOBRUNNER_TOKENS_FILE, listen on 127.0.0.1, or set JOBRUNNER_ALLOW_OPEN=on",
    );
  }
  const own = hostNameOf(address);
  return { ...common, address, hostNames: own === undefined ? hostNames : [own, ...hostNames] };
}

function readListenAddress(values: Values): string | undefined {
  const text = values.text("JOBRUNNER_HTTP_LISTEN_ADDRESS");
  if (text.startsWith(beforePath)) return undefined;
  const address = text.replace(/^\[(.*)\]$/, "$1");
  if (isIP(address) !== 0 || isHostName(text)) return address;
  return values.addError("JOBRUNNER_HTTP_LISTEN_ADDRESS");
}

/** What the address of a unix socket begins with. */
const beforePath = "unix:";

/** In bytes. The kernel allows 107 (unix(7)), and the path where the socket is opened is longer by 6. */
const maxSocketPath = 100;

/** The unix socket that the address names; undefined if it names none, or after an error. */
function readSocket(
  values: Values,
  around: Pick<Surroundings, "os" | "cwd">,
): SocketConfig | undefined {
  const text = values.text("JOBRUNNER_HTTP_LISTEN_ADDRESS");
  if (!text.startsWith(beforePath)) return undefined;
  const refuse = (detail: string) => values.addError("JOBRUNNER_HTTP_LISTEN_ADDRESS", detail);
  if (around.os === "windows") return refuse("there are no unix sockets on Windows");
  const given = text.slice(beforePath.length);
  // Permissions compare paths as text, and cannot name one with these.
  if (given === "" || given.endsWith("/") || /\p{Cc}/u.test(given)) {
    return refuse("the path must be that of a file, without control characters");
  }
  const path = absolute(given, around);
  const length = new TextEncoder().encode(path).length;
  if (length > maxSocketPath) {
    return refuse(`the absolute path has ${length} bytes, and may have ${maxSocketPath}`);
  }
  return { path, opened: `${path}.new/s` };
}

function readSocketMode(values: Values): number {
  const text = values.text("JOBRUNNER_SOCKET_MODE");
  if (/^0?[0-7]{3}$/.test(text)) return parseInt(text, 8);
  values.addError("JOBRUNNER_SOCKET_MODE");
  return 0;
}

/** Whether a text is a host name, and not one that looks like an IPv4 address. */
export function isHostName(text: string): boolean {
  return hostName.test(text) && !/^[\d.]+$/.test(text);
}

/** A host name (RFC 1123, section 2.1), with an optional dot at the end. */
const hostName =
  /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\.?$/i;

const loopback = networksOf(["127.0.0.0/8", "::1"]);

/** Whether only this machine can reach an address. Names are not looked up: any but `localhost` may lead anywhere. */
export function isLoopback(address: string): boolean {
  return isIP(address) === 0 ? /^localhost\.?$/i.test(address) : loopback.has(address);
}

/** Reads the networks of trusted proxies, with the word `unix` if it is among them. */
export function readTrustedProxies(values: Values): readonly string[] {
  const given = entriesOf("JOBRUNNER_TRUSTED_PROXIES", values);
  const wrong = given.find((entry) => entry !== "unix" && !isNetwork(entry));
  if (wrong !== undefined) {
    values.addError("JOBRUNNER_TRUSTED_PROXIES", `${shownValue(wrong)} is not one`);
  }
  return given;
}

/** The entries of a list that is separated by commas. */
function entriesOf(
  name: "JOBRUNNER_ALLOWED_HOSTS" | "JOBRUNNER_TRUSTED_PROXIES",
  values: Values,
): string[] {
  return values.text(name).split(",").map((entry) => entry.trim()).filter((entry) => entry !== "");
}

function readAllowedHosts(values: Values): string[] {
  const given = entriesOf("JOBRUNNER_ALLOWED_HOSTS", values);
  const names = given.map(allowedHost);
  const wrong = names.indexOf(undefined);
  if (wrong >= 0) {
    values.addError("JOBRUNNER_ALLOWED_HOSTS", `${shownValue(given[wrong] ?? "")} is not one`);
  }
  return names.filter((name) => name !== undefined);
}

/** Reads one allowed host: a name, or an address, which is allowed anyway. Undefined for an invalid name. */
function allowedHost(entry: string): string | undefined {
  const address = entry.replace(/^\[(.*)\]$/, "$1");
  if (isIP(address) !== 0) return address;
  const below = entry.startsWith("*.");
  const name = hostNameOf(below ? entry.slice(2) : entry) ?? "";
  // Names in the network of containers may contain underscores.
  const isName = hostName.test(name.replaceAll("_", "x")) && isIP(name) === 0;
  if (!isName || /[:%]/.test(entry)) return undefined;
  return below ? `.${name}` : name;
}
