// The bundle in dedot, without generated types: those are for editors.

import { DedotClient, WsProvider } from 'dedot';
import { Contract } from 'dedot/contracts';
import { AccountId32 } from 'dedot/codecs';
import { Keyring } from '@polkadot/keyring';
import { mapValues, run } from './common.mjs';

await run(async ({ url, contract: address, bundle, suri }) => {
  // Its default follows every block by `chainHead`, and loses a node that makes them without pause.
  const client = await DedotClient.legacy(new WsProvider(url)).catch((error) => {
    // Its own error for a node that does not answer is '[object Object]'.
    throw new Error('no connection; does a node serve --url?', { cause: error });
  });
  const key = new Keyring({ type: 'sr25519' }).addFromUri(suri);
  const contract = new Contract(client, bundle, address, { defaultCaller: key.address });
  const hashAt = (block) => client.rpc.chain_getBlockHash(block);

  return {
    name: 'dedot',
    asker: new AccountId32(key.address).raw,
    hash: (bytes) => client.registry.hashAsHex(bytes),
    codeHash: async () => (await client.query.contracts.contractInfoOf(address))?.codeHash,
    // A refusal by the chain, and input that the contract can't read, are errors of this client's own.
    dryRun: async (message, args, value) => {
      const { data } = await contract.query[message](...args, { value });
      return plain(data);
    },
    // It makes a dry run first for the gas limit.
    send: async (message, args, value) => {
      const { status, events, dispatchError } = await contract.tx[message](...args, { value })
        .signAndSend(key)
        .untilBestChainBlockIncluded();
      if (dispatchError) throw new Error(`in its block: ${why(client, dispatchError)}`);
      const { blockNumber } = status.value;
      return { block: blockNumber, events: contract.decodeEvents(events).map(plain) };
    },
    best: async () => (await client.rpc.chain_getHeader()).number,
    events: async (block) => {
      const then = await client.at(await hashAt(block));
      return contract.decodeEvents(await then.query.system.events()).map(plain);
    },
    // It drops the names of a variant's fields: they come in the order of the bundle.
    variant: (type, fields) => {
      const values = Object.values(fields);
      return { type, value: values.length === 1 ? values[0] : values };
    },
    close: () => client.disconnect(),
  };
});

function why(client, error) {
  const meta = client.registry.findErrorMeta(error);
  return meta ? `${meta.pallet}.${meta.name}: ${meta.docs.join(' ')}` : JSON.stringify(error);
}

/** A decoded value without the client's classes. */
function plain(value) {
  if (typeof value === 'number') return BigInt(value);
  if (value === null || typeof value !== 'object') return value ?? undefined;
  if (value instanceof AccountId32) return value.raw;
  if (Array.isArray(value)) return value.map(plain);
  if ('isOk' in value) return value.isOk ? { ok: plain(value.value) } : { err: plain(value.err) };
  return mapValues(value, plain);
}
