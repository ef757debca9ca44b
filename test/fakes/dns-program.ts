/**
 * The DNS server of dns-server.ts as a program, for tests that give hosts networks of their own. Its zone is the first
 * argument, as JSON; it prints its address, and ends with its standard input.
 */
import { DnsServer, type Zone } from "./dns-server.js";

const zone: Zone = JSON.parse(process.argv[2] ?? "{}");
const dns = await DnsServer.start(zone);
console.log(dns.address);
process.stdin.resume();
process.stdin.on("end", () => void dns.stop());
