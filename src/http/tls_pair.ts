/**
 * A TLS certificate with its private key.
 *
 * @module
 */

import { createPrivateKey, X509Certificate } from "node:crypto";

/** A certificate, with those of its issuers after it, and its private key, both as PEM. */
export interface TlsPair {
  readonly cert: string;
  readonly key: string;
}

/** The key's block alone: the runtime skips what is around it, but `createPrivateKey` of Deno 2.7.11 does not. */
const keyBlock = /-----BEGIN ((?:RSA |EC )?PRIVATE KEY)-----.+?-----END \1-----/s;

/**
 * Throws an error if one of the two cannot be read or if the key is not the certificate's. It needs no permission and no
 * socket. A pair that it accepts can still be refused by the runtime: for RSA keys of less than 2048 bits, for example.
 */
export function checkTlsPair({ cert, key }: TlsPair): void {
  const [block] = keyBlock.exec(key) ?? [];
  if (block === undefined) {
    throw new Error("no private key without a passphrase is in the key data");
  }
  if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(block))) {
    throw new Error("the key is not the certificate's");
  }
}
