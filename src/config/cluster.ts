/**
 * The settings of a queue that several machines share.
 *
 * @module
 */

import type { ClusterConfig, ClusterSecrets, ClusterTls, Surroundings } from "./config.ts";
import { type Files, readPem, refuseHalf } from "./files.ts";
import { checkCredentials, readCredentials } from "./nats_credentials.ts";
import { type NatsServers, readNatsUrl } from "./nats_url.ts";
import { type SettingName, settings } from "./settings.ts";
import type { Values } from "./sources.ts";

/** What was read: the shared queue, and the credentials for it. */
export interface ClusterReading {
  /** The shared queue; undefined without one, or after an error. */
  readonly config: ClusterConfig | undefined;
  /** The credentials; undefined without a shared queue, or when the configuration is read again. */
  readonly secrets: ClusterSecrets | undefined;
}

const url = "JOBRUNNER_NATS_URL";
const certificate = "JOBRUNNER_NATS_CERT_FILE";
const key = "JOBRUNNER_NATS_KEY_FILE";
const tlsFirst = "JOBRUNNER_NATS_TLS_FIRST";

/** Names of the settings, JOBRUNNER_NATS_URL the first. */
const names: readonly SettingName[] = settings.map(({ name }) => name)
  .filter((name) => name.startsWith("JOBRUNNER_NATS_"));

/** Reads the settings and their files. Without JOBRUNNER_NATS_URL, any other of them is an error. */
export function readCluster(values: Values, around: Surroundings): ClusterReading {
  if (values.text(url) === "") {
    const given = names.filter((name) => values.origin(name) !== "default");
    if (given.length > 0) values.errors.push(`${url}=: must be set when ${given.join()} is`);
    return { config: undefined, secrets: undefined };
  }
  const servers = readNatsUrl(values);
  const group = readGroup(values);
  checkCredentials(values);
  const files = around.readAtStart && { ...around, readFile: around.readAtStart };
  const credentials = files && readCredentials(values, files);
  const tls = readTls(values, servers, files);
  const clientKey = files && readPem(key, "private key", values, files);
  const config = {
    group,
    tls,
    nodeName: around.hostName,
    onLost: values.choice("JOBRUNNER_NATS_ON_LOST"),
    attempts: values.number("JOBRUNNER_NATS_ATTEMPTS"),
    nodeTimeoutMs: values.milliseconds("JOBRUNNER_NATS_NODE_TIMEOUT_SEC"),
    storage: values.choice("JOBRUNNER_NATS_STORAGE"),
    replicas: values.number("JOBRUNNER_NATS_REPLICAS"),
    ready: values.choice("JOBRUNNER_NATS_READY"),
    settings: Object.fromEntries(names.map((name) => [name, values.text(name)])),
  };
  return {
    config: servers && { servers: servers.servers, ...config },
    secrets: credentials && { credentials, ...(clientKey === undefined ? {} : { clientKey }) },
  };
}

/** Names become parts of names in NATS, where `_` separates them and `.` has a meaning. */
function readGroup(values: Values): string {
  const group = values.text("JOBRUNNER_NATS_GROUP");
  if (!/^[A-Za-z0-9-]{1,32}$/.test(group)) values.addError("JOBRUNNER_NATS_GROUP");
  return group;
}

/** Without `files` no file is read. */
function readTls(
  values: Values,
  servers: NatsServers | undefined,
  files: Files | undefined,
): ClusterTls | undefined {
  refuseHalf([certificate, key], values);
  const first = values.choice(tlsFirst) === "on";
  const pem = (name: SettingName) => files && readPem(name, "certificate", values, files);
  const [ca, cert] = [pem("JOBRUNNER_NATS_CA_FILE"), pem(certificate)];
  if (servers?.tls !== false) {
    // The runtime cannot show a certificate on a connection that begins without TLS.
    const isShown = values.text(certificate) !== "" && values.text(key) !== "";
    if (isShown && !first) {
      values.addSentence(tlsFirst, `must be on when ${values.label(certificate)} is set`);
    }
    return { ca, cert, first };
  }
  // Without TLS nothing would check that the servers are the right ones, which these settings are for.
  const useless = (["JOBRUNNER_NATS_CA_FILE", certificate, key, tlsFirst] as const)
    .filter((name) => name === tlsFirst ? first : values.text(name) !== "");
  for (const name of useless) {
    values.addSentence(name, `must be left out unless ${values.label(url)} begins with tls://`);
  }
  return undefined;
}
