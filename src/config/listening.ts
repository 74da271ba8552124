/**
 * Where the server listens, by which names, and for whom.
 *
 * @module
 */

import { BlockList, isIP } from "node:net";
import { hostNameOf } from "../host_name.ts";
import type { Values } from "./sources.ts";

/** What is settled about listening. */
export interface Listening {
  /** IP address or host name, IPv6 without brackets. */
  readonly listenAddress: string;
  /** Names that the server goes by, as `hostNameOf` has them; `*.example.com` has become `.example.com`. */
  readonly hostNames: readonly string[];
}

/** A password that is wrong counts as one: that is a fault already. */
export function readListening(values: Values, hasPassword: boolean): Listening {
  const listenAddress = readListenAddress(values);
  const allowOpen = values.choice("JOBRUNNER_ALLOW_OPEN") === "on";
  if (listenAddress !== undefined && !isLoopback(listenAddress) && !hasPassword && !allowOpen) {
    values.faults.push(
      `JOBRUNNER_HTTP_LISTEN_ADDRESS=${listenAddress}: must be on loopback while no password is set, since anyone who can reach it could run jobs: set JOBRUNNER_PASSWORD_FILE, listen on 127.0.0.1, or set JOBRUNNER_ALLOW_OPEN=on`,
    );
  }
  return {
    listenAddress: listenAddress ?? "",
    hostNames: [hostNameOf(listenAddress ?? "") ?? [], readAllowedHosts(values)].flat(),
  };
}

function readListenAddress(values: Values): string | undefined {
  const text = values.text("JOBRUNNER_HTTP_LISTEN_ADDRESS") ?? "127.0.0.1";
  const address = text.replace(/^\[(.*)\]$/, "$1");
  const isHostName =
    /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\.?$/i;
  const isName = isHostName.test(text) && !/^[\d.]+$/.test(text);
  if (isIP(address) !== 0 || isName) return address;
  return values.fault("JOBRUNNER_HTTP_LISTEN_ADDRESS");
}

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** Whether only this machine can reach an address. Names are not looked up: all but `localhost` may lead anywhere. */
export function isLoopback(address: string): boolean {
  const version = isIP(address);
  if (version === 0) return /^localhost\.?$/i.test(address);
  return loopback.check(address, version === 4 ? "ipv4" : "ipv6");
}

function readAllowedHosts(values: Values): readonly string[] {
  const names: string[] = [];
  for (const entry of (values.text("JOBRUNNER_ALLOWED_HOSTS") ?? "").split(",")) {
    const given = entry.trim();
    if (given === "") continue;
    const [, dot = "", rest = ""] = /^(?:\*(\.))?([^*:]*)$/.exec(given) ?? [];
    const name = isIP(given) === 0 ? hostNameOf(rest) : given;
    if (name === undefined) {
      values.fault("JOBRUNNER_ALLOWED_HOSTS", `${given} is none`);
    } else names.push(dot + name);
  }
  return names;
}

/** Variables by which the runtime itself would open a door, or let clients lie about where they are. One sentence for each. */
export function doorsOfTheRuntime(env: Readonly<Record<string, string>>): string[] {
  const faults: string[] = [];
  if (env["DENO_SERVE_ADDRESS"]) {
    faults.push(
      "DENO_SERVE_ADDRESS: must be unset: the runtime would listen there in place of JOBRUNNER_HTTP_LISTEN_ADDRESS",
    );
  }
  if (env["DENO_TRUST_PROXY_HEADERS"]) {
    faults.push(
      "DENO_TRUST_PROXY_HEADERS: must be unset: the runtime would believe a header of the request about the client's address",
    );
  }
  if (env["NODE_OPTIONS"]?.includes("--inspect")) {
    faults.push(
      "NODE_OPTIONS: must not hold --inspect: the runtime would open a debugger, through which anyone on this machine could do anything as the server",
    );
  }
  return faults;
}
