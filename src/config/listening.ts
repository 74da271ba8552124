/**
 * The address and the host names of the server.
 *
 * @module
 */

import { isIP } from "node:net";
import { hostNameOf } from "../wire/host_name.ts";
import { isNetwork, networksOf } from "../wire/networks.ts";
import type { HttpConfig } from "./config.ts";
import { shownValue } from "./shown.ts";
import type { Values } from "./sources.ts";

/** Reads the address and the host names. An invalid password or tokens file counts as one here, since it is an error already. */
export function readListening(
  values: Values,
  hasPassword: boolean,
): Pick<HttpConfig, "address" | "hostNames"> {
  const address = readListenAddress(values);
  const hostNames = readAllowedHosts(values);
  // An invalid value is an error already, and does not count as `off`.
  const isClosed = values.text("JOBRUNNER_ALLOW_OPEN") === "off";
  values.choice("JOBRUNNER_ALLOW_OPEN");
  if (address === undefined) return { address: "", hostNames };
  if (!isLoopback(address) && !hasPassword && isClosed) {
    values.addError(
      "JOBRUNNER_HTTP_LISTEN_ADDRESS",
      undefined,
      "on loopback while neither a password nor a token is set, since anyone who can reach it could run jobs: set JOBRUNNER_PASSWORD_FILE or JOBRUNNER_TOKENS_FILE, listen on 127.0.0.1, or set JOBRUNNER_ALLOW_OPEN=on",
    );
  }
  const own = hostNameOf(address);
  return { address, hostNames: own === undefined ? hostNames : [own, ...hostNames] };
}

function readListenAddress(values: Values): string | undefined {
  const text = values.text("JOBRUNNER_HTTP_LISTEN_ADDRESS");
  const address = text.replace(/^\[(.*)\]$/, "$1");
  const isName = hostName.test(text) && !/^[\d.]+$/.test(text);
  if (isIP(address) !== 0 || isName) return address;
  return values.addError("JOBRUNNER_HTTP_LISTEN_ADDRESS");
}

/** A host name (RFC 1123, section 2.1), with an optional dot at the end. */
const hostName =
  /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\.?$/i;

const loopback = networksOf(["127.0.0.0/8", "::1"]);

/** Whether only this machine can reach an address. Names are not looked up: any but `localhost` may lead anywhere. */
export function isLoopback(address: string): boolean {
  return isIP(address) === 0 ? /^localhost\.?$/i.test(address) : loopback.has(address);
}

/** Reads the networks of trusted proxies. */
export function readTrustedProxies(values: Values): readonly string[] {
  const given = entriesOf("JOBRUNNER_TRUSTED_PROXIES", values);
  const wrong = given.find((entry) => !isNetwork(entry));
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
