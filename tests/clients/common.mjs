// What a client must be able to do with the `.contract` bundle alone: the same checks for each.
//
// A client is a function `connect(settings)` that returns
//
//   name, asker                     what to call it; the account that asks
//   hash(bytes)                     blake2_256 as hex
//   codeHash()                      hash of the code that the contract runs
//   dryRun(message, args, value)    what a message would return; nothing is sent
//   send(message, args, value)      sends it: { block, events }, once it is in a block without error
//   best(), events(block)           number of the best block; the contract's events in a block
//   variant(type, fields)           how it shows a variant with named fields
//   close()
//
// Values are plain on both sides, so that one check fits every client: numbers are BigInt, bytes and
// accounts hex, an absent option is undefined or left out, a result is { ok } or { err }, a variant is
// { type, value }, or a string where no variant of the type holds anything. Names come from the
// bundle; nothing here knows how a value is encoded.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const USAGE = `node CLIENT.mjs --url ws://… --contract 5… --bundle llm_oracle.contract
    --suri //Bob      who asks
    --answer          operators are at work: wait until the request is settled
    --timeout 120     most seconds for everything`;
const QUESTION = 'Is the tone of this announcement positive? We are delighted: profits doubled.';
const POLL_MS = 200;

/** Runs all checks with one client and ends the process: code 0 when each has passed. */
export async function run(connect) {
  let running = 'arguments';
  try {
    const settings = readSettings();
    // One deadline for everything: whatever a client hangs in, its name is in the error.
    setTimeout(() => {
      fail(running, `not done within ${settings.timeout} s; is the node at work? More: --timeout`);
    }, settings.timeout * 1000);
    let client;
    const check = async (name, body) => {
      running = name;
      const found = await body();
      console.log(`ok    ${client?.name ?? 'client'}: ${name}${found ? `: ${found}` : ''}`);
    };
    await check('connects and loads the bundle', async () => {
      client = await connect(settings);
      const { contract, source } = settings.bundle;
      return `${contract.name} ${contract.version}, ${source.language}`;
    });
    await examine(client, settings, check);
    running = 'closing the connection';
    await client.close();
    process.exit(0);
  } catch (error) {
    fail(running, reason(error));
  }
}

/** Where it happened says nothing about a check that found something else. */
function reason(error) {
  if (error instanceof assert.AssertionError) return error.message;
  // A socket's event is no error, but it has a message.
  return error?.stack ?? error?.message ?? error;
}

function fail(what, why) {
  console.log(`FAIL  ${what}: ${why}`);
  process.exit(1);
}

async function examine(client, { bundle, contract, answer }, check) {
  const read = (message, ...args) => client.dryRun(message, args, 0n);
  const refusal = (type, fields) => ({ err: client.variant(type, fields) });
  let terms, config, quote, asked;

  await check('the code is that of the bundle', async () => {
    assert.equal(client.hash(bundle.source.wasm), bundle.source.hash, "hash of the bundle's Wasm");
    const deployed = await client.codeHash();
    assert.ok(deployed, `there is no contract at ${contract}; --contract says which one to use`);
    assert.equal(deployed, bundle.source.hash, 'the deployed code is not that of --bundle');
    return bundle.source.hash;
  });

  await check('reads config', async () => {
    config = await read('config');
    assert.equal(config.interfaceVersion, await read('interfaceVersion'));
    assert.ok(config.params.minReward > 0n, `least reward ${config.params.minReward}`);
    return `interface ${config.interfaceVersion}, least reward ${config.params.minReward} planck`;
  });

  await check('reads quote', async () => {
    terms = yesOrNo(client, Number(config.params.maxWindow));
    quote = ok(await read('quote', terms, config.params.minReward));
    assert.equal(quote.rewards, config.params.minReward, 'one seat');
    assert.equal(quote.delivery, 0n, 'no callback');
    assert.equal(quote.total, quote.rewards + quote.seatFees);
    return `${quote.total} planck`;
  });

  await check('names the refusal of a reward', async () => {
    const least = config.params.minReward;
    const refused = await read('quote', terms, least - 1n);
    assert.deepEqual(refused, refusal('RewardTooLow', { given: least - 1n, least }));
    return refused.err.type;
  });

  await check('names the refusal of a value', async () => {
    const sent = quote.total - 1n;
    const refused = await client.dryRun('ask', [terms, config.params.minReward, false], sent);
    assert.deepEqual(refused, refusal('ValueTooLow', { sent, needed: quote.total }));
    return refused.err.type;
  });

  await check('encodes other forms of terms', async () => {
    const least = config.params.minReward;
    const quoted = async (change) => read('quote', { ...terms, ...change }, least);
    const options = ['yes', 'no'].map(bytes);
    const choice = client.variant('Choice', { options });
    assert.equal(ok(await quoted({ answer: choice })).rewards, least);
    const number = client.variant('Number', { scale: 2, tolerance: 50n });
    assert.equal(ok(await quoted({ answer: number })).rewards, least);
    const system = bytes('Answer as an accountant.');
    const model = { type: 'Name', value: bytes('some-model') };
    assert.equal(ok(await quoted({ model, system })).rewards, least);
    const callback = { refTime: 5_000_000_000n, proofSize: 262_144n, storageDeposit: 10_000_000_000n };
    assert.ok(ok(await quoted({ callback })).delivery > callback.storageDeposit);
    // The contract itself is an account that is no operator.
    const assignment = client.variant('Named', { operators: [contract] });
    assert.deepEqual(await quoted({ assignment }), refusal('NamedNotRegistered', { position: 0n }));
    const page = client.variant('Page', { url: bytes('https://example.com'), must: true });
    assert.equal(ok(await quoted({ sources: [page] })).rewards, least);
    return 'Choice, Number, Name, system, callback, Named, Page';
  });

  await check('asks, and decodes the event', async () => {
    const next = await read('nextId');
    const args = [terms, config.params.minReward, false];
    const { block, events } = await client.send('ask', args, quote.total);
    assert.deepEqual(events.map((event) => event.name), ['Asked']);
    asked = { block, ...events[0].data };
    // Not equal: others may have asked since.
    assert.ok(asked.requestId >= next, `request ${asked.requestId}, and the next one was ${next}`);
    assert.equal(asked.requester, client.asker);
    assert.deepEqual(asked.terms, plain(terms));
    assert.equal(asked.reward, config.params.minReward);
    assert.ok((await read('nextId')) > asked.requestId);
    return `request ${asked.requestId} in block ${block}`;
  });

  await check('reads the request', async () => {
    const request = await read('request', asked.requestId);
    assert.equal(request.summary.requestId, asked.requestId);
    assert.equal(request.requester, client.asker);
    assert.equal(request.beneficiary, client.asker, 'nobody else was named');
    assert.equal(request.interfaceVersion, config.interfaceVersion);
    assert.equal(request.seatFee, quote.seatFees, 'one seat');
    assert.equal(request.summary.seats, 1n);
    assert.deepEqual(request.summary.delivery, { type: 'None' }, 'no callback');
    assert.equal(request.summary.commitDeadline, asked.commitDeadline);
    assert.equal(await read('request', 2n ** 64n - 1n), undefined, 'a request that nobody asked');
    return `${request.summary.phase}, commits until block ${asked.commitDeadline}`;
  });

  await check('reads the terms', async () => {
    assert.deepEqual(await read('terms', asked.requestId), asked.terms);
  });

  await check('reads the summaries', async () => {
    const summaries = await read('summaries', asked.requestId, 1);
    assert.deepEqual(summaries.map((summary) => summary.requestId), [asked.requestId]);
    assert.equal(summaries[0].reward, asked.reward);
  });

  await check('names the refusal of an unknown request', async () => {
    const requestId = 2n ** 64n - 1n;
    const refused = await read('answerOf', requestId);
    assert.deepEqual(refused, refusal('NoSuchRequest', { requestId }));
    return refused.err.type;
  });

  if (!answer) return;

  await check('reads the answer', async () => {
    const state = await eventually(async () => {
      const now = ok(await read('answerOf', asked.requestId));
      return now.type === 'Final' ? now : undefined;
    });
    const request = await read('request', asked.requestId);
    assert.deepEqual(request.outcome, state.value);
    return `${state.value.type} ${show(state.value.value)}`;
  });

  await check('decodes every event of the request', async () => {
    const seen = [];
    for (let block = asked.block; !seen.includes('Ended'); block += 1) {
      await eventually(async () => (await client.best()) >= block || undefined);
      for (const { name, data } of await client.events(block)) {
        if (data.requestId === asked.requestId) seen.push(name);
      }
    }
    assert.deepEqual(seen, ['Asked', 'Committed', 'Revealed', 'Ended']);
    return seen.join(', ');
  });
}

/** Terms of a yes-or-no question for one seat that anyone may take. */
function yesOrNo(client, windowBlocks) {
  return {
    model: { type: 'Any' },
    prompt: bytes(QUESTION),
    system: undefined,
    sources: [],
    answer: { type: 'Bool' },
    sampling: { maxTokens: 64, temperatureMilli: 0, seed: 0n },
    seats: 1,
    threshold: 1,
    assignment: client.variant('Open', { least: { agreementPpm: 0, answers: 0 } }),
    maxSeatsPerFamily: 0,
    minConfidence: 0,
    notBefore: 0,
    // The longest: a chain that makes a block for each transaction spends blocks quickly.
    commitBlocks: windowBlocks,
    revealBlocks: windowBlocks,
    callback: undefined,
    refundTo: undefined,
    oneStep: false,
  };
}

const bytes = (text) => `0x${Buffer.from(text).toString('hex')}`;

/** As clients give it back. */
function plain(value) {
  if (typeof value === 'number') return BigInt(value);
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(plain);
  return mapValues(value, plain);
}

/** Changes every value of an object, and leaves out what is undefined. */
export function mapValues(object, change) {
  const changed = Object.entries(object).map(([key, value]) => [key, change(value)]);
  return Object.fromEntries(changed.filter(([, value]) => value !== undefined));
}

function ok(result) {
  assert.ok('ok' in result, `refused: ${show(result)}`);
  return result.ok;
}

export function show(value) {
  return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part));
}

/** Looks until there is something. The deadline is that of the whole run. */
async function eventually(look) {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resume) => setTimeout(resume, POLL_MS));
  }
}

function readSettings() {
  const text = { type: 'string' };
  const { values } = parseArgs({
    options: {
      url: text,
      contract: text,
      bundle: text,
      suri: { ...text, default: '//Bob' },
      answer: { type: 'boolean', default: false },
      timeout: { ...text, default: '120' },
    },
  });
  for (const name of ['url', 'contract', 'bundle']) {
    assert.ok(values[name], `--${name} is missing\n${USAGE}`);
  }
  const timeout = Number(values.timeout);
  assert.ok(timeout > 0, `--timeout ${values.timeout} is no number of seconds above 0`);
  return { ...values, timeout, bundle: JSON.parse(readFileSync(values.bundle, 'utf8')) };
}
