/** Each arrow and driver rule of .dependency-cruiser.mjs, broken once in a planted checkout. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { cruise } from 'dependency-cruiser';
import type { ICruiseResult, IForbiddenRuleType } from 'dependency-cruiser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import configuration from '../../.dependency-cruiser.mjs';

/** Rule, the file that breaks it, what it imports. */
const BROKEN: readonly (readonly [rule: string, from: string, to: string])[] = [
  ['room-kernel', 'src/kernel/a.ts', 'src/gen/events.ts'],
  ['room-gen', 'src/gen/a.ts', 'src/kernel/types.ts'],
  ['room-journal', 'src/journal/a.ts', 'src/records/port.ts'],
  ['room-sources', 'src/sources/a.ts', 'src/journal/port.ts'],
  ['room-records', 'src/records/a.ts', 'src/sources/port.ts'],
  ['room-notify', 'src/notify/a.ts', 'src/journal/port.ts'],
  ['room-telemetry', 'src/telemetry/a.ts', 'src/actors/index.ts'],
  ['room-testing', 'src/testing/a.ts', 'src/journal/port.ts'],
  ['room-actors', 'src/actors/a.ts', 'src/journal/sqlite.ts'],
  ['room-actors', 'src/actors/b.ts', 'src/projections/index.ts'],
  ['room-projections', 'src/projections/a.ts', 'src/actors/breaker/machine.ts'],
  ['room-projections', 'src/projections/b.ts', 'src/journal/sqlite.ts'],
  ['room-cluster', 'src/cluster/a.ts', 'src/actors/index.ts'],
  ['room-gateway', 'src/gateway/a.ts', 'src/actors/breaker/machine.ts'],
  ['room-gateway', 'src/gateway/b.ts', 'src/journal/index.ts'],
  ['room-cli', 'src/cli/a.ts', 'src/journal/sqlite.ts'],
  ['room-config', 'src/config/a.ts', 'src/sources/port.ts'],
  ['composition-on-top', 'src/kernel/b.ts', 'src/config.ts'],
  ['composition-on-top', 'src/kernel/c.ts', 'src/app/doors.ts'],
  ['driver-better-sqlite3', 'src/records/store.ts', 'better-sqlite3'],
  ['driver-@kurrent/kurrentdb-client', 'src/journal/b.ts', '@kurrent/kurrentdb-client'],
  ['driver-ioredis', 'src/records/b.ts', 'ioredis'],
  ['driver-prom-client', 'src/telemetry/b.ts', 'prom-client'],
  ['driver-pino', 'src/telemetry/c.ts', 'pino'],
  ['driver-xstate', 'src/projections/c.ts', 'xstate'],
  ['driver-@grpc/grpc-js', 'src/gateway/rest/a.ts', '@grpc/grpc-js'],
  ['driver-fastify', 'src/gateway/c.ts', 'fastify'],
  ['driver-jose', 'src/gateway/rest/c.ts', 'jose'],
  ['driver-undici', 'src/actors/c.ts', 'undici'],
  ['driver-commander', 'src/main.ts', 'commander'],
  ['driver-yaml', 'src/records/c.ts', 'yaml'],
  ['src-never-imports-test', 'src/records/d.ts', 'test/support/thing.ts'],
  ['src-never-imports-dev-packages', 'src/records/e.ts', 'vitest'],
  ['no-cycles', 'src/records/f.ts', 'src/records/g.ts'],
  ['no-unresolvable', 'src/records/h.ts', './nowhere.js'],
];

/** What the rules must leave alone. */
const CLEAN: readonly (readonly [from: string, to: string])[] = [
  ['src/records/g.ts', 'src/records/f.ts'],
  ['src/journal/sqlite.ts', 'src/kernel/types.ts'],
  ['src/journal/index.ts', 'src/journal/sqlite.ts'],
  ['src/records/sink.sqlite.ts', 'better-sqlite3'],
  ['src/telemetry/metrics.prometheus.ts', 'prom-client'],
  ['src/telemetry/log.pino.ts', 'pino'],
  ['src/actors/breaker/machine.ts', 'xstate'],
  ['src/actors/breaker/events.ts', 'src/gen/events.ts'],
  ['src/actors/index.ts', 'src/sources/port.ts'],
  ['src/actors/send.ts', 'src/sources/exchange.port.ts'],
  ['src/projections/index.ts', 'src/actors/breaker/events.ts'],
  ['src/gateway/rest/b.ts', 'fastify'],
  ['src/gateway/auth/a.ts', 'jose'],
  ['src/gateway/d.ts', 'src/actors/index.ts'],
  ['src/cli/b.ts', 'src/journal/index.ts'],
  ['src/cli/c.ts', 'commander'],
  ['src/sources/http.ts', 'undici'],
  ['src/config.ts', 'src/kernel/types.ts'],
  ['src/app.ts', 'src/journal/sqlite.ts'],
  ['test/support/thing.ts', 'src/app.ts'],
];

const PACKAGES = BROKEN.map(([, , to]) => to).filter((to) => !/^(src|test)\/|^\./.test(to));

describe('the arrows between rooms', () => {
  const root = mkdtempSync(join(tmpdir(), 'headgate-arrows-'));
  let broken = new Map<string, readonly string[]>();

  beforeAll(async () => {
    const imports = new Map<string, string[]>();
    for (const [from, to] of [...BROKEN.map(([, ...arrow]) => arrow), ...CLEAN]) {
      imports.set(from, [...(imports.get(from) ?? []), to]);
      if (/^(src|test)\//.test(to) && !imports.has(to)) imports.set(to, []);
    }
    for (const [file, targets] of imports) {
      const up = '../'.repeat(file.split('/').length - 1);
      const lines = targets.map((to) => `import '${/^(src|test)\//.test(to) ? up : ''}${to}';`);
      write(file, lines.join('\n').replaceAll(/\.ts'/g, ".js'"));
    }
    for (const name of PACKAGES) {
      write(`node_modules/${name}/package.json`, JSON.stringify({ name, main: 'index.js' }));
      write(`node_modules/${name}/index.js`, '');
    }
    const listed = Object.fromEntries(PACKAGES.map((name) => [name, '*']));
    const { vitest, ...dependencies } = listed;
    write('package.json', JSON.stringify({ dependencies, devDependencies: { vitest } }));
    broken = await violations();
  });
  afterAll(() => {
    rmSync(root, { recursive: true, force: true });
  });

  function write(file: string, text: string): void {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), `${text}\n`);
  }

  /** File to the rules it breaks. */
  async function violations(): Promise<Map<string, readonly string[]>> {
    const { tsConfig: _, ...options } = configuration.options;
    const result = await cruise(['src', 'test'], {
      ...options,
      baseDir: root,
      validate: true,
      ruleSet: { forbidden: configuration.forbidden as unknown as IForbiddenRuleType[] },
    });
    const found = new Map<string, readonly string[]>();
    for (const one of (result.output as ICruiseResult).summary.violations) {
      found.set(one.from, [...(found.get(one.from) ?? []), one.rule.name]);
    }
    return found;
  }

  it.each(BROKEN)('%s is broken by %s importing %s', (rule, from) => {
    expect(broken.get(from) ?? []).toContain(rule);
  });

  it('lets through what the table of rooms allows', () => {
    const inCycle = new Set(['src/records/g.ts', 'src/records/f.ts']);
    const wronged = CLEAN.map(([from]) => from).filter(
      (from) => !inCycle.has(from) && broken.has(from),
    );
    expect(wronged).toEqual([]);
  });

  it('has a planted violation for each of its rules', () => {
    const planted = new Set(BROKEN.map(([rule]) => rule));
    expect(configuration.forbidden.map(({ name }) => name).filter((n) => !planted.has(n))).toEqual(
      [],
    );
  });
});
