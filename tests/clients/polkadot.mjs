// The bundle in @polkadot/api-contract.

import { ApiPromise, Keyring, WsProvider } from '@polkadot/api';
import { ContractPromise } from '@polkadot/api-contract';
import { mapValues, run, show } from './common.mjs';

await run(async ({ url, contract: address, bundle, suri }) => {
  const api = await ApiPromise.create({
    provider: new WsProvider(url),
    noInitWarn: true,
    throwOnConnect: true,
  });
  const contract = new ContractPromise(api, bundle, address);
  const key = new Keyring({ type: 'sr25519' }).addFromUri(suri);
  // Without a limit the client asks for no proof size at all.
  const gasLimit = api.consts.system.blockWeights.perClass.normal.maxExtrinsic.unwrap();

  /** What the chain says about a message that nobody sends. */
  const call = async (message, args, value) => {
    const options = { gasLimit, storageDepositLimit: null, value };
    const { result, output, gasRequired } = await contract.query[message](
      key.address,
      options,
      ...args.map(encodable),
    );
    if (result.isErr) throw new Error(`the chain refuses ${message}: ${why(api, result.asErr)}`);
    const outer = plain(output);
    if (!('ok' in outer)) throw new Error(`the contract can't read ${message}: ${show(outer)}`);
    return { returned: outer.ok, gasRequired };
  };

  const decode = (record) => {
    const { event, args } = contract.abi.decodeEvent(record);
    const name = event.identifier.split('::').at(-1);
    return { name, data: Object.fromEntries(args.map((arg, n) => [event.args[n].name, plain(arg)])) };
  };

  const hashAt = (block) => api.rpc.chain.getBlockHash(block);

  return {
    name: '@polkadot/api-contract',
    asker: api.createType('AccountId', key.address).toHex(),
    hash: (bytes) => api.registry.hash(api.createType('Raw', bytes)).toHex(),
    codeHash: async () => {
      const info = await api.query.contracts.contractInfoOf(address);
      return info.isSome ? info.unwrap().codeHash.toHex() : undefined;
    },
    dryRun: async (message, args, value) => (await call(message, args, value)).returned,
    send: async (message, args, value) => {
      const { gasRequired } = await call(message, args, value);
      const tx = contract.tx[message](
        { gasLimit: gasRequired, storageDepositLimit: null, value },
        ...args.map(encodable),
      );
      const { blockNumber, events } = await included(api, tx, key);
      return { block: blockNumber.toNumber(), events: ours(events, address).map(decode) };
    },
    best: async () => (await api.rpc.chain.getHeader()).number.toNumber(),
    events: async (block) => {
      const then = await api.at(await hashAt(block));
      return ours(await then.query.system.events(), address).map(decode);
    },
    variant: (type, fields) => ({ type, value: fields }),
    close: () => api.disconnect(),
  };
});

/** Sends a transaction and waits until it is in a block, where it must not fail. */
function included(api, tx, key) {
  return new Promise((resolve, reject) => {
    const look = (result) => {
      if (result.dispatchError) reject(new Error(`in its block: ${why(api, result.dispatchError)}`));
      else if (result.isInBlock) resolve(result);
      else if (result.isError) reject(new Error(`the transaction is ${result.status.type}`));
    };
    tx.signAndSend(key, { nonce: -1 }, look).catch(reject);
  });
}

/** The records of what the contract itself emitted. */
function ours(records, address) {
  return records.filter(
    ({ event }) =>
      event.section === 'contracts' &&
      event.method === 'ContractEmitted' &&
      event.data[0].eq(address),
  );
}

function why(api, error) {
  if (!error.isModule) return error.toString();
  const { section, name, docs } = api.registry.findMetaError(error.asModule);
  return `${section}.${name}: ${docs.join(' ')}`;
}

/** This client writes a variant as an object with one key. */
function encodable(value) {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(encodable);
  if ('type' in value) return { [value.type]: encodable(value.value ?? null) };
  return mapValues(value, encodable);
}

/** A decoded value without the client's classes. */
function plain(codec) {
  if ('isSome' in codec) return codec.isSome ? plain(codec.unwrap()) : undefined;
  if ('isOk' in codec) return codec.isOk ? { ok: plain(codec.asOk) } : { err: plain(codec.asErr) };
  if ('isBasic' in codec) {
    if (codec.isBasic) return codec.type;
    const value = plain(codec.inner);
    return value === undefined ? { type: codec.type } : { type: codec.type, value };
  }
  if ('isTrue' in codec) return codec.isTrue;
  if (codec instanceof Map) return mapValues(Object.fromEntries(codec), plain);
  if (Array.isArray(codec)) return codec.map(plain);
  if ('toBigInt' in codec) return codec.toBigInt();
  if (codec.toRawType() === 'Null') return undefined;
  return codec.toHex();
}
