/**
 * Networks of IP addresses in CIDR notation (RFC 4632, section 3.1; RFC 4291, section 2.3).
 *
 * @module
 */

import { BlockList, isIP } from "node:net";

/** A set of addresses. */
export interface Networks {
  /**
   * Whether an address is in one of them; never if it has brackets or a zone. An IPv4 address is the same address if it is
   * written as one of IPv6 (RFC 4291, section 2.5.5.2).
   */
  has(address: string): boolean;
}

interface Network {
  readonly address: string;
  readonly family: "ipv4" | "ipv6";
  readonly bits: number;
}

/** Whether a text is an IP address, or an address, a slash and the number of bits of a network's prefix. */
export function isNetwork(text: string): boolean {
  return networkOf(text) !== undefined;
}

/** The addresses in some networks, each in the form that `isNetwork` accepts. */
export function networksOf(texts: readonly string[]): Networks {
  const list = new BlockList();
  for (const text of texts) {
    const network = networkOf(text);
    if (network) list.addSubnet(network.address, network.bits, network.family);
  }
  return {
    has(address) {
      const version = isIP(address);
      return version !== 0 && list.check(address, version === 4 ? "ipv4" : "ipv6");
    },
  };
}

function networkOf(text: string): Network | undefined {
  const [address = "", bits, ...rest] = text.split("/");
  const version = isIP(address);
  if (version === 0 || address.includes("%") || rest.length > 0) return undefined;
  const all = version === 4 ? 32 : 128;
  if (bits !== undefined && (!/^(0|[1-9]\d{0,2})$/.test(bits) || Number(bits) > all)) {
    return undefined;
  }
  return {
    address,
    family: version === 4 ? "ipv4" : "ipv6",
    bits: bits === undefined ? all : Number(bits),
  };
}
