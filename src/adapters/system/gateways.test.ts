import { expect, test } from "vitest";
import { configPathText } from "../../core/config/issue.ts";
import { ANY_SENDER } from "../../core/policy/address-pattern.ts";
import { type NetworkPlace, ipv4Gateways, ipv6Gateways, warnOfTranslation } from "./gateways.ts";

const ROUTE = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
eth1\t0000A8C0\t0101A8C0\t0003\t0\t0\t0\t0000FFFF\t0\t0\t0
ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0
`;

const zeros = "0".repeat(32);
const IPV6_ROUTE = `fd00000000000000${"0".repeat(16)} 40 ${zeros} 00 ${zeros} 00000100 00000001 00000000 00000001     eth0
${zeros} 00 ${zeros} 00 fd000000000000000000000000000001 00000400 00000001 00000000 00000003     eth0
${zeros} 00 ${zeros} 00 ${zeros} ffffffff 00000001 00000000 00200200       lo
`;

test("the gateways of default routes, and of no other", () => {
  expect(ipv4Gateways(ROUTE, true)).toEqual(["172.17.0.1"]);
  expect(ipv4Gateways(ROUTE, false)).toEqual(["1.0.17.172"]);
  expect(ipv6Gateways(IPV6_ROUTE)).toEqual(["fd00:0000:0000:0000:0000:0000:0000:0001"]);
  expect([...ipv4Gateways("", true), ...ipv6Gateways("")]).toEqual([]);
});

const OFFICE: NetworkPlace = { isInContainer: false, gateways: ["10.0.0.1"], ownAddresses: ["127.0.0.1", "10.0.0.7"] };
const CONTAINER: NetworkPlace = {
  isInContainer: true,
  gateways: ["172.17.0.1", "fd00:0000:0000:0000:0000:0000:0000:0001"],
  ownAddresses: ["127.0.0.1", "172.17.0.2"],
};
const PUBLIC: NetworkPlace = { ...OFFICE, ownAddresses: ["127.0.0.1", "10.0.0.7", "2600::7"] };

function warnings(networks: readonly string[], host: string, place: NetworkPlace): readonly string[] {
  const listener = { name: "a", tls: "none", certificates: [], bareNewlines: "reject", isTlsRequired: false } as const;
  const listeners = [{ ...listener, listen: { host, port: 25 }, messageOctetsMax: 1, appendDomain: undefined }];
  const found = warnOfTranslation({ access: { networks, senders: ANY_SENDER }, listeners }, place);
  return found.map(({ path, message }) => `${configPathText(path)}: ${message}`);
}

test("a network with the container's gateway in it, whatever listens where", () => {
  const [warning = "", ...others] = warnings(["127.0.0.0/8", "172.16.0.0/12"], "127.0.0.1", CONTAINER);
  expect(warning).toMatch(
    /^access\.networks\[1\]: 172\.16\.0\.0\/12 holds the gateway of this container, 172\.17\.0\.1: /,
  );
  expect(others).toEqual([]);
  expect(warnings(["fd00::/8"], "127.0.0.1", CONTAINER)).toHaveLength(1);
  expect(warnings(["172.17.0.128/25"], "127.0.0.1", CONTAINER)).toEqual([]);
});

test("an ordinary office hears nothing, whatever its router's address", () => {
  for (const host of ["0.0.0.0", "::", "10.0.0.7"]) expect(warnings(["10.0.0.0/8"], host, OFFICE)).toEqual([]);
});

test("a listener that strangers can reach, and clients that are not this machine", () => {
  for (const host of ["0.0.0.0", "::", "2600::7"])
    expect(warnings(["127.0.0.0/8", "10.0.0.0/8"], host, PUBLIC)).toEqual([
      expect.stringMatching(
        /^access\.networks\[1\]: clients of 10\.0\.0\.0\/8 are trusted by their address, and strangers can reach .*:25:/,
      ),
    ]);
  expect(warnings(["127.0.0.0/8", "::1/128"], "0.0.0.0", PUBLIC)).toEqual([]);
  expect(warnings(["10.0.0.0/8"], "10.0.0.7", PUBLIC)).toEqual([]);
  expect(warnings([], "0.0.0.0", PUBLIC)).toEqual([]);
});
