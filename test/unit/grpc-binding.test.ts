import { describe, expect, it } from 'vitest';
import { bindAll } from '../../src/gateway/grpc/binding.js';
import { CONTRACT } from '../../src/gateway/grpc/contract.js';
import { answer } from '../../src/gateway/answer.js';
import { jsonMethod, unaryContract } from '../support/grpc-served.js';

const method = jsonMethod('Ask');
const fine = unaryContract(method, () => answer({}));

describe('the tables and the services', () => {
  it('of this program fit together: each rpc has its row, each row its rpc and its messages', () => {
    const bound = bindAll(CONTRACT);
    const rows = [...CONTRACT.operations, ...CONTRACT.streams].filter(({ grpc }) => grpc);
    expect(bound.map(({ operation }) => operation.name).sort()).toEqual(
      rows.map(({ name }) => name).sort(),
    );
  });

  it('that fit are bound', () => {
    expect(bindAll(fine)).toMatchObject([{ kind: 'unary', operation: { name: 'asked' } }]);
  });

  it.each([
    ['an rpc without a row', { ...fine, operations: [] }, 'has no row'],
    ['a row without an rpc', { ...fine, services: [] }, 'in no service'],
    ['a row without messages', { ...fine, unaryMessages: {} }, 'without messages'],
    [
      'two rows of one rpc',
      { ...fine, operations: [...fine.operations, ...fine.operations] },
      'two',
    ],
    [
      'a row that answers once where the rpc streams',
      { ...fine, services: [{ method: jsonMethod('Ask', true) }] },
      'is a stream',
    ],
    [
      'an rpc that takes a stream',
      { ...fine, services: [{ method: { ...method, requestStream: true } }] },
      'takes a stream',
    ],
  ])('refuse %s', (_name, contract, words) => {
    expect(() => bindAll(contract)).toThrow(words);
  });
});
