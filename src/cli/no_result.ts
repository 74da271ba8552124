/**
 * Handles a request without a result: decides whether to retry, and describes the failure.
 *
 * @module
 */

import { withoutUrlSecrets } from "../config/shown.ts";
import type { NoAnswer, NoResult, ServerAnswer } from "./exchange.ts";
import { type FailureKind, SendFailure } from "./send_failure.ts";

/** What the sentences need to know about the request. */
export interface Sent {
  /** URL that it was posted to; `unix:` and the path of a unix socket. */
  readonly url: string;
  /** The password or the token, in all encodings in which a server may repeat it. */
  readonly secrets: readonly string[];
  /** Length of the body in bytes. */
  readonly length: number;
}

/**
 * The problems after which a job did not run and a later try may succeed. After any other problem of a jobrunner, a retry is
 * pointless or would run the job twice.
 */
const passing: ReadonlySet<string> = new Set([
  "buffers_full",
  "client_limit",
  "draining",
  "queue_full",
  "queue_timeout",
  "queue_unavailable",
  "spawn_refused",
  "spool_full",
  "too_many_listeners",
  "uploads_full",
]);

/** Seconds after which to retry; undefined if a retry is pointless, or if the job may have run. */
export function retryAfter(outcome: NoResult): number | undefined {
  if (outcome.kind === "answer") {
    const { status, code, retryAfterSec } = outcome;
    const isPassing = code === undefined ? status === 503 || status === 429 : passing.has(code);
    return isPassing ? retryAfterSec : undefined;
  }
  return outcome.kind === "not_connected" && maybeLater.test(outcome.why) ? 1 : undefined;
}

/** Failures of connections that a later try may not have, of the network and of unix sockets. */
const maybeLater =
  /\b(tcp connect|dns) error|^(Connection refused|No such file or directory|Resource temporarily unavailable) \(/;

/** The problems of a jobrunner that has no command for the job. */
const namesCommands: ReadonlySet<string> = new Set(["unknown_command", "no_default_command"]);

/** Whether an answer to `POST /run` says that the server has no such path, as older ones. */
export function hasNoRun(outcome: NoResult): boolean {
  if (outcome.kind !== "answer") return false;
  const { status, code } = outcome;
  return status === 405 || status === 404 && !namesCommands.has(code ?? "");
}

/** Describes the failure in one sentence, with its exit status. */
export function failureOf(outcome: NoResult, sent: Sent): SendFailure {
  if (outcome.kind === "answer") return refusal(outcome, sent);
  const sentence = `${sent.url}: ${sentenceOf(outcome, sent.length)}`;
  return new SendFailure("noServer", withoutUrlSecrets(sentence));
}

/** The failure for a result whose connection broke. */
export function brokeOff(url: string): SendFailure {
  return new SendFailure(
    "noServer",
    `${withoutUrlSecrets(url)}: the answer broke off: the job may have run, and its result is lost`,
  );
}

/** The failure for an answer with status 200 that is not a result. */
export function notResult(url: string): SendFailure {
  return new SendFailure(
    "noJobrunner",
    `${withoutUrlSecrets(url)}: must be a jobrunner: the response is not a job result`,
  );
}

/** The failure for a form that is sent to a server without `POST /run`. */
export function noForms(url: string): SendFailure {
  return new SendFailure(
    "noJobrunner",
    `${withoutUrlSecrets(url)}: must be a jobrunner with this path: an older one takes no forms`,
  );
}

function sentenceOf({ kind, why, handedOver }: NoAnswer, length: number): string {
  switch (kind) {
    case "not_connected":
      return `no answer: ${why}${adviceOn(why)}`;
    case "not_sent":
      return `no answer: ${why}, after at most ${handedOver} of ${length} bytes, so no job ran: ` +
        "is the request too large for the server, or the password or token wrong?";
    case "not_answered":
      return `no answer: ${why}, after the whole request was sent: the job may have run`;
  }
}

/** Advice for a certificate that was not accepted. */
function adviceOn(why: string): string {
  if (why.includes("CaUsedAsEndEntity")) {
    return "; the server's certificate is one for authorities: make a self-signed one with openssl req -x509 … " +
      "-addext basicConstraints=critical,CA:FALSE -addext subjectAltName=DNS:NAME";
  }
  if (why.includes("UnknownIssuer")) return "; --cacert FILE names a certificate to trust";
  return "";
}

/** How much of a server's text is shown, in characters. */
const maxShownLength = 500;

function refusal(
  { status, code, body, location }: ServerAnswer,
  { url, secrets }: Sent,
): SendFailure {
  const shown = withoutUrlSecrets(url);
  if (status >= 300 && status < 400 && location !== undefined) {
    const href = URL.parse(location, url)?.href ?? location;
    const inUrls = [...secrets, ...secrets.map(encodeURI)];
    const target = withoutUrlSecrets(without(inUrls, href)).slice(0, maxShownLength);
    return new SendFailure(
      "noJobrunner",
      `${shown}: must be the server itself: it redirects to ${target}`,
    );
  }
  const text = without(secrets, body).trim().slice(0, maxShownLength);
  const ran = isGateway(status) && code === undefined ? " (the job may have run)" : "";
  const kind = namesCommands.has(code ?? "") ? "refused" : kindOf(status);
  // Something else than a jobrunner, or another path of one: only the URL shows what is wrong.
  const where = kind === "noJobrunner" ? `${shown}: ` : "";
  return new SendFailure(kind, `${where}${status}: ${text}${ran}`);
}

/** Removes the secrets from a server's text, which may repeat what it was sent. */
function without(secrets: readonly string[], text: string): string {
  for (const secret of secrets) text = text.replaceAll(secret, "***");
  return text;
}

/** Whether a status is from a gateway before the server, behind which a job may still be running (RFC 9110, section 15.6). */
function isGateway(status: number): boolean {
  return status >= 502 && status !== 503;
}

function kindOf(status: number): FailureKind {
  switch (status) {
    case 400:
    case 406:
    case 408:
    case 411:
    case 413:
    case 415:
    case 422:
      return "refused";
    case 401:
    case 403:
      return "notAllowed";
    case 429:
    case 503:
      return "busy";
    default:
      return status >= 500 ? "serverFailed" : "noJobrunner";
  }
}
