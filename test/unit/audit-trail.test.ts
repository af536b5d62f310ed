import { expect, it } from 'vitest';
import { ANSWER_BYTES_MAX, BEHIND_MS, startTrail } from '../../src/gateway/audit/trail.js';
import { memoryJournal } from '../../src/journal/index.js';
import { silentLogger } from '../../src/kernel/observe.js';
import { seededRandom } from '../../src/kernel/random.js';
import { settle, virtualClock } from '../support/clock.js';
import { readWhole } from '../support/journal.js';

const command = { name: 'enableCollector', writes: { facts: ['CollectorEnabled'] } };
const question = { name: 'listCollectors', writes: { none: 'it reads' } };
const who = { interface: 'rest', address: '10.0.0.1', correlationId: 'r1' } as const;
const denied = { code: 'unauthenticated', detail: 'no token' } as const;
const malformed = { code: 'invalid_input', detail: '/name is required' } as const;

async function bench() {
  const { journal, faults } = memoryJournal();
  const clock = virtualClock();
  const parts = { journal, clock, random: seededRandom(1), log: silentLogger, node: 'n1' };
  const trail = await startTrail(parts);
  const told = () => readWhole(journal, 'audit-n1-202601');
  const metric = (name: string) =>
    trail.metrics().find((family) => family.name === name)?.samples[0]?.value;
  return { trail, clock, faults, told, metric };
}

it('writes refusals behind, within a second, and those of a minute once', async () => {
  const { trail, clock, told } = await bench();
  for (let call = 0; call < 50; call += 1) trail.refused(command, who, denied);
  expect(await told()).toEqual([]);
  await clock.advance(BEHIND_MS);
  const [fact] = await told();
  expect(fact?.data).toMatchObject({ outcome: 'denied', code: 'unauthenticated', count: 50 });
  expect(fact?.metadata).toMatchObject({ actor: '', interface: 'rest', address: '10.0.0.1' });
  trail.refused(command, who, denied);
  await clock.advance(BEHIND_MS);
  expect(await told()).toHaveLength(1);
  await trail.close();
  expect((await told()).map(({ data }) => data['count'])).toEqual([50, 1]);
  expect(clock.pending()).toBe(0);
});

it('tells of questions only when they were denied, and of nothing that is no command', async () => {
  const { trail, told } = await bench();
  trail.refused(question, who, malformed);
  trail.refused(undefined, who, { code: 'route_not_found', detail: 'nothing here' });
  trail.refused(question, who, denied);
  trail.refused(command, { ...who, actor: 'token:ops' }, malformed);
  await trail.close();
  const facts = (await told()).map(({ data }) => [data['operation'], data['outcome']]);
  expect(facts).toEqual([
    ['listCollectors', 'denied'],
    ['enableCollector', 'failed'],
  ]);
});

it('counts what the journal did not take, and goes on', async () => {
  const { trail, clock, faults, told, metric } = await bench();
  trail.refused(command, who, denied);
  trail.refused(command, who, denied);
  faults.failNext('before-commit');
  await clock.advance(BEHIND_MS);
  await settle();
  expect(metric('headgate_audit_dropped_total')).toBe(2);
  trail.refused(command, who, malformed);
  await trail.close();
  expect(await told()).toHaveLength(1);
});

it('keeps callers’ words bounded and storable, and no answer that is too long', async () => {
  const { trail, told } = await bench();
  const told1 = {
    commandId: 'c1',
    operation: 'o',
    outcome: 'success',
    target: '\ud800'.repeat(2000),
    who,
    hash: 'h',
  } as const;
  await trail.answered({ ...told1, answer: { text: 'x'.repeat(ANSWER_BYTES_MAX) } });
  await trail.answered({ ...told1, answer: { text: 'x'.repeat(ANSWER_BYTES_MAX + 1) } });
  const [kept, tooLong] = await told();
  expect(kept?.data['answer']).toHaveLength(ANSWER_BYTES_MAX);
  expect(kept?.data['target']).toBe('\ufffd'.repeat(1000));
  expect(tooLong?.data).not.toHaveProperty('answer');
  expect(tooLong?.metadata.commandHash).toBe('h');
  await trail.close();
});
