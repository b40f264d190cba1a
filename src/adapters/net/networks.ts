import { BlockList, isIP } from "node:net";

/** Which of some networks an address is in. */
export class Networks {
  readonly #lists: readonly { readonly text: string; readonly list: BlockList }[];

  /** CIDR notation, already checked. */
  constructor(networks: readonly string[]) {
    this.#lists = networks.map((text) => {
      const [address = "", prefix = ""] = text.split("/");
      const list = new BlockList();
      list.addSubnet(address, Number(prefix), family(address));
      return { text, list };
    });
  }

  /** The first network that has the address, as configured. IPv4 in IPv6 clothes (`::ffff:10.0.0.1`) is IPv4. */
  find(address: string): string | undefined {
    if (isIP(address) === 0) return undefined;
    return this.#lists.find(({ list }) => list.check(address, family(address)))?.text;
  }
}

function family(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 6 ? "ipv6" : "ipv4";
}

/** An IPv4 peer of a listener for both families is the IPv4 address that it is, to every rule about addresses. */
export function plainAddress(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}
