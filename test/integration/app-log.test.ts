/** What an operator finds in the log: what opened, was cut, ended or was steered, and until when. */
import { expect, it } from 'vitest';
import { until } from '../support/app-http.js';
import { startTestApp } from '../support/app-service.js';

it('says when a breaker opens and closes, a rate is cut, a collector is steered; nothing of a usual run', async () => {
  const app = await startTestApp({ config: { breaker: { open_ms: 1000 } } });
  const lines = (msg: string): readonly Readonly<Record<string, unknown>>[] =>
    app.log.lines.filter((line) => line.level === 'info' && line.msg === msg);
  await app.event('it collects', ({ type }) => type === 'RunSucceeded');
  const before = app.log.lines.filter(({ level }) => level === 'info').length;
  const after = await app.event(
    'a further run',
    ({ type, stream }) => type === 'RunSucceeded' && stream === 'collector-moralis',
    await app.head(),
  );
  expect(app.log.lines.filter(({ level }) => level === 'info').length).toBe(before);

  app.sandbox().control.setFaults('binance', [{ kind: 'status', status: 503 }]);
  await app.event('it opens', ({ type }) => type === 'BreakerTripped', after.position);
  expect(lines('breaker opened')[0]).toMatchObject({
    collector: 'historical',
    upstream: 'primary',
    from: 'closed',
    trigger: 'consecutive_failures',
    until: expect.stringMatching(/^\d{4}-.*Z$/) as string,
  });
  app.sandbox().control.clearFaults();
  await until('it closes', () => lines('breaker closed').length > 0);

  app.sandbox().control.setFaults('moralis', [{ kind: 'throttled', count: 1 }]);
  await until('the rate is cut', () => lines('rate cut').length > 0);
  expect(lines('rate cut')[0]).toMatchObject({ scope: 'moralis-account', status: 429 });
  await app.post('/collectors/moralis/disable', { reason: 'bad figures' });
  await until('it is told', () => lines('collector disabled').length > 0);
  expect(lines('collector disabled')[0]).toMatchObject({
    collector: 'moralis',
    reason: 'bad figures',
  });
});
