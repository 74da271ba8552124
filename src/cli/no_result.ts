/**
 * A request that brought no result: whether to try again, and what to say.
 *
 * @module
 */

import { withoutUrlSecrets } from "../config/shown.ts";
import type { NoAnswer, SendOutcome, ServerAnswer } from "./exchange.ts";
import { type exits, SendFailure } from "./send_failure.ts";

/** What the sentences need to know of the request. */
export interface Sent {
  /** Where to. */
  readonly url: string;
  /** The password, in the readings that a server may repeat it in. */
  readonly secrets: readonly string[];
  /** Bytes of the body. */
  readonly length: number;
}

/** The seconds after which it is worth another try; undefined when it is not, or when the job may have run. */
export function retryAfter(outcome: SendOutcome): number | undefined {
  if (outcome.kind === "answer") {
    return outcome.status === 503 || outcome.status === 429 ? outcome.retryAfterSec : undefined;
  }
  return outcome.kind === "not_connected" && /\b(tcp connect|dns) error/.test(outcome.why)
    ? 1
    : undefined;
}

/** One sentence, and the exit status. */
export function failureOf(outcome: SendOutcome, sent: Sent): SendFailure {
  if (outcome.kind === "answer") return refusal(outcome, sent);
  const sentence = `${sent.url}: ${sentenceOf(outcome, sent.length)}`;
  return new SendFailure("noServer", withoutUrlSecrets(sentence));
}

function sentenceOf({ kind, why, handedOver }: NoAnswer, length: number): string {
  switch (kind) {
    case "not_connected":
      return `no answer: ${why}${adviceOn(why)}`;
    case "not_sent":
      return `no answer: ${why}, after at most ${handedOver} of ${length} bytes, so no job ran: ` +
        "is the request too large for the server, or the password wrong?";
    case "not_answered":
      return `no answer: ${why}, after all was sent: the job may have run`;
  }
}

/** What helps against a certificate that is refused. */
function adviceOn(why: string): string {
  if (why.includes("CaUsedAsEndEntity")) {
    return "; the server's certificate is one for authorities: one that signs itself is made with openssl req -x509 … " +
      "-addext basicConstraints=critical,CA:FALSE -addext subjectAltName=DNS:NAME";
  }
  if (why.includes("UnknownIssuer")) return "; --cacert FILE names a certificate to trust";
  return "";
}

/** The most of a server's words that is shown. */
const maxWords = 500;

function refusal({ status, body, location }: ServerAnswer, { url, secrets }: Sent): SendFailure {
  const shown = withoutUrlSecrets(url);
  if (status === 200) {
    return body === undefined
      ? new SendFailure(
        "noServer",
        `${shown}: the answer broke off: the job may have run, its result is lost`,
      )
      : new SendFailure("noJobrunner", `${shown}: must be a jobrunner: its answer is none`);
  }
  if (status >= 300 && status < 400 && location !== undefined) {
    const href = URL.parse(location, url)?.href ?? location;
    const inUrls = [...secrets, ...secrets.map(encodeURI)];
    const target = withoutUrlSecrets(without(inUrls, href)).slice(0, maxWords);
    return new SendFailure(
      "noJobrunner",
      `${shown}: must be the server itself: it redirects to ${target}`,
    );
  }
  const words = without(secrets, body ?? "").trim().slice(0, maxWords);
  const ran = isGateway(status) ? " (the job may have run)" : "";
  return new SendFailure(kindOf(status), `${status}: ${words}${ran}`);
}

/** What a server says, which may repeat what it was sent. */
function without(secrets: readonly string[], words: string): string {
  for (const secret of secrets) words = words.replaceAll(secret, "***");
  return words;
}

/** Statuses of something before the server, which may have lost sight of a job that runs (RFC 9110, section 15.6). */
function isGateway(status: number): boolean {
  return status >= 502 && status !== 503;
}

function kindOf(status: number): keyof typeof exits {
  switch (status) {
    case 400:
    case 408:
    case 413:
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
