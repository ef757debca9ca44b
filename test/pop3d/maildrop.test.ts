import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Maildrop, type Message } from "../../pop3d/maildrop.js";

const SIZES = [5, 0, 7, 11, 1];

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
  assert.equal(
    maildrop.octets,
    left.reduce((sum, { octets }) => sum + octets, 0),
  );
  for (const message of maildrop.messages) {
    assert.equal(maildrop.isDeleted(message), model.marked[message.number - 1]);
  }
}

function messages(): Message[] {
  return SIZES.map((octets, i) => ({
    number: i + 1,
    octets,
    uniqueId: `u${i}`,
    folder: "",
    identity: `u${i}`,
  }));
}
