/**
 * Host names and addresses, in a form in which they can be compared.
 *
 * @module
 */

import { isIPv6 } from "node:net";

/**
 * Returns the host in the value of a Host header (RFC 9110, section 7.2: a host, then an optional port), as URLs have it: in
 * lower case and Punycode, IPv4 as four decimal numbers; but IPv6 without brackets and names without a final dot. Undefined
 * for a value without a valid host.
 */
export function hostNameOf(authority: string): string | undefined {
  const [, host] = /^(\[[^\]]+\]|[^\s:@/?#\\[\]]+)(?::\d*)?$/.exec(authority) ?? [];
  if (host === undefined) return undefined;
  if (host.startsWith("[")) {
    const address = host.slice(1, -1);
    return isIPv6(address) ? address : undefined;
  }
  return URL.parse(`http://${host}`)?.hostname.replace(/\.$/, "") || undefined;
}
