import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Maildrop, type Message } from "../../pop3d/maildrop.js";

const SIZES = [5, 0, 7, 11, 1];
/** What a surrogate has more than its message, by message-number. */
const ADDED = new Map([
  [3, 20],
  [4, -2],
]);

/** The same as it would be written on a blackboard: an array with marks. */
interface Model {
  marked: boolean[];
}

class Delete implements fc.Command<Model, Maildrop> {
  readonly #number: number;
  constructor(number: number) {
    this.#number = number;
  }
  check = () => true;
  run(model: Model, maildrop: Maildrop): void {
    const message = maildrop.find(this.#number);
    if (message !== undefined) {
      maildrop.markDeleted(message);
      model.marked[this.#number - 1] = true;
    }
    agree(model, maildrop);
  }
  toString = () => `DELE ${this.#number}`;
}

class Reset implements fc.Command<Model, Maildrop> {
  check = () => true;
  run(model: Model, maildrop: Maildrop): void {
    maildrop.unmarkAll();
    model.marked.fill(false);
    agree(model, maildrop);
  }
  toString = () => "RSET";
}

class Find implements fc.Command<Model, Maildrop> {
  readonly #number: number;
  constructor(number: number) {
    this.#number = number;
  }
  check = () => true;
  run(model: Model, maildrop: Maildrop): void {
    const there = model.marked[this.#number - 1] === false;
    assert.equal(maildrop.find(this.#number)?.number, there ? this.#number : undefined);
  }
  toString = () => `LIST ${this.#number}`;
}

const numbers = fc.integer({ min: -1, max: SIZES.length + 2 });
const commands = [
  numbers.map((number) => new Delete(number)),
  fc.constant(new Reset()),
  numbers.map((number) => new Find(number)),
];

test("any order of DELE, RSET and LIST leaves what an array with marks would hold", () => {
  fc.assert(
    fc.property(fc.commands(commands, { size: "+1" }), (steps) => {
      fc.modelRun(
        () => ({ model: { marked: SIZES.map(() => false) }, real: new Maildrop(messages()) }),
        steps,
      );
    }),
  );
});

test("what is no message-number finds nothing", () => {
  const maildrop = new Maildrop(messages());
  for (const number of [0, -1, 0.5, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 32 + 1]) {
    assert.equal(maildrop.find(number), undefined);
  }
});

function agree(model: Model, maildrop: Maildrop): void {
  const left = SIZES.flatMap((octets, i) => (model.marked[i] ? [] : [{ number: i + 1, octets }]));
  assert.deepEqual(
    [...maildrop.listed()].map(({ number, octets }) => ({ number, octets })),
    left,
  );
  assert.equal(maildrop.count, left.length);
  const stored = left.reduce((sum, { octets }) => sum + octets, 0);
  assert.equal(maildrop.octets("as stored"), stored);
  assert.equal(maildrop.octets("refuse"), stored);
  assert.equal(
    maildrop.octets("surrogate"),
    left.reduce((sum, { number }) => sum + (ADDED.get(number) ?? 0), stored),
  );
  for (const message of maildrop.messages) {
    assert.equal(maildrop.isDeleted(message), model.marked[message.number - 1]);
  }
}

function messages(): Message[] {
  return SIZES.map((octets, i) => ({
    number: i + 1,
    octets,
    surrogateOctets: ADDED.has(i + 1) ? octets + (ADDED.get(i + 1) ?? 0) : undefined,
    uniqueId: `u${i}`,
    folder: "",
    identity: `u${i}`,
  }));
}
