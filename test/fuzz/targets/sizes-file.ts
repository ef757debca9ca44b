/** The file `pillarbox-sizes`: what is believed of it is what it says, and would be written the same. */
import assert from "node:assert/strict";
import { formatSizes, parseSizes } from "../../../pop3d/sizes-file.js";
import type { Target } from "../target.js";

export const sizesFile: Target = {
  name: "sizes-file",
  tokens: [
    "pillarbox-sizes 1\n",
    "2101 - 1.host\n",
    "2101 2170 1.host,S=1,H=8\n",
    "\\x",
    "%20",
    "999999999999999",
    "\n",
  ],
  check: (octets) => {
    const text = octets.toString("latin1");
    const sizes = parseSizes(text);
    if (sizes === undefined) return;
    for (const { octets: message, surrogateOctets = 0 } of sizes.values())
      assert.ok(Number.isSafeInteger(message) && Number.isSafeInteger(surrogateOctets));
    const written = formatSizes(sizes);
    assert.deepEqual(parseSizes(written), sizes);
    assert.ok(written.split("\n").length <= text.split("\n").length);
  },
};
