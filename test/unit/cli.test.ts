import { describe, expect, it } from 'vitest';
import { EXIT, program, UsageInvalid } from '../../src/cli/index.js';
import type { CliDeps, Flags, Handlers, VerifyReport } from '../../src/cli/index.js';
import { optionsHelp, optionSwitches } from '../../src/config.js';
import { optionRows } from '../../src/config/help.js';
import { InvariantViolated } from '../../src/kernel/errors.js';

type Ran = {
  code: number;
  out: string;
  err: string;
  served: readonly Flags[];
  played: readonly (string | undefined)[];
};

const SCENARIOS = [
  { name: 'calm', about: 'nothing goes wrong' },
  { name: 'flapping', about: 'up and down' },
];

async function run(args: readonly string[], handlers: Partial<Handlers> = {}): Promise<Ran> {
  const out: string[] = [];
  const err: string[] = [];
  const served: Flags[] = [];
  const played: (string | undefined)[] = [];
  const serve = (flags: Flags): Promise<number> => {
    served.push(flags);
    return Promise.resolve(0);
  };
  const sound: VerifyReport = { events: 3, streams: 1, damage: [] };
  const deps: CliDeps = {
    version: '1.2.3',
    switches: optionSwitches(),
    optionsHelp: optionsHelp(),
    scenarios: SCENARIOS,
    serve,
    demo: (flags, scenario) => {
      played.push(scenario);
      return serve(flags);
    },
    verify: () => Promise.resolve(sound),
    ...handlers,
    out: (text) => out.push(text),
    err: (text) => err.push(text),
  };
  const code = await program(deps).run(args);
  return { code, out: out.join(''), err: err.join(''), served, played };
}

describe('the headgate command', () => {
  it('lists every option, command and exit code in its help', async () => {
    const { code, out, err } = await run(['--help']);
    expect([code, err]).toEqual([EXIT.ok, '']);
    for (const row of optionRows()) {
      for (const word of [row.key, ...row.variables]) expect(out).toContain(word);
    }
    for (const word of ['serve', 'demo', 'verify', 'Exit codes:']) expect(out).toContain(word);
  });

  it('tells its version', async () => {
    expect(await run(['--version'])).toMatchObject({ code: EXIT.ok, out: '1.2.3\n' });
  });

  it('hands over what was switched and set, by key, as text', async () => {
    const args = ['serve', '--rest-port', '0', '--insecure', '--set', 'log.level=debug'];
    const { code, served } = await run([...args, '--set', 'collectors.a.options={"x":"a=b"}']);
    expect(code).toBe(EXIT.ok);
    expect(served).toEqual([
      {
        'rest.port': '0',
        'rest.insecure': 'true',
        'log.level': 'debug',
        'collectors.a.options': '{"x":"a=b"}',
      },
    ]);
  });

  it.each([
    [['serv'], "unknown command 'serv' (Did you mean serve?)"],
    [['serve', '--rest-prot', '1'], "unknown option '--rest-prot' (Did you mean --rest-port?)"],
    [['serve', '--rest-port'], "option '--rest-port <value>' argument missing"],
    [['serve', 'more'], 'too many arguments'],
    [['verify'], "missing required argument 'journal'"],
    [['serve', '--set', 'novalue'], '--set: must be key=value'],
    [['serve', '--set', 'a=1', '--set', 'a=2'], 'a: is given twice on the command line'],
    [['serve', '--rest-port', '1', '--set', 'rest.port=2'], 'rest.port: is given twice'],
  ])('refuses %j in one line', async (args, line) => {
    const { code, err, served } = await run(args);
    expect(code).toBe(EXIT.usage);
    expect(err).toContain(line);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
    expect(served).toEqual([]);
  });

  it('shows what it can do when it is told nothing, and calls that wrong usage', async () => {
    const { code, err } = await run([]);
    expect(code).toBe(EXIT.usage);
    expect(err).toContain('Usage: headgate');
  });

  it('tells every problem of the configuration, a line each', async () => {
    const serve = (): Promise<number> => Promise.reject(new UsageInvalid(['a: x', 'b: y']));
    const { code, err } = await run(['serve'], { serve });
    expect([code, err]).toEqual([EXIT.usage, 'headgate: a: x\nheadgate: b: y\n']);
  });

  it("ends with the handler's code, and with 1 when it fails", async () => {
    const serve = (): Promise<number> => Promise.resolve(1);
    const demo = (): Promise<number> => Promise.reject(new InvariantViolated('it broke'));
    expect((await run(['serve'], { serve })).code).toBe(1);
    expect(await run(['demo'], { demo })).toMatchObject({
      code: EXIT.failure,
      err: 'headgate: invariant_violated: it broke\n',
    });
  });

  it('shows the stack of our own bug', async () => {
    const serve = (): Promise<number> => Promise.reject(new TypeError('undefined is not'));
    const { code, err } = await run(['serve'], { serve });
    expect(code).toBe(EXIT.failure);
    expect(err).toMatch(/^headgate: TypeError: undefined is not\n +at /);
  });
});

describe('headgate demo', () => {
  it('plays the scenario it is told to, and none by itself', async () => {
    expect((await run(['demo', '--scenario', 'flapping'])).played).toEqual(['flapping']);
    expect((await run(['demo'])).played).toEqual([undefined]);
  });

  it('lists its scenarios, and in the help too', async () => {
    const listed = await run(['demo', '--scenario', 'list']);
    expect([listed.code, listed.played]).toEqual([EXIT.ok, []]);
    const helps = [await run(['--help']), await run(['demo', '--help'])];
    for (const { out } of [listed, ...helps]) {
      for (const { name, about } of SCENARIOS) {
        expect(out).toContain(name);
        expect(out).toContain(about);
      }
    }
  });

  it('refuses a scenario that it does not have, and naming one to serve', async () => {
    const unknown = await run(['demo', '--scenario', 'flaping']);
    expect([unknown.code, unknown.err]).toEqual([
      EXIT.usage,
      'headgate: --scenario: must be one of calm, flapping, list, got "flaping"\n',
    ]);
    const served = await run(['serve', '--scenario', 'calm']);
    expect([served.code, served.served]).toEqual([EXIT.usage, []]);
    expect(served.err).toContain("unknown option '--scenario'");
  });
});

describe('headgate verify', () => {
  it('says that a journal is sound, and how large it is', async () => {
    const { code, out } = await run(['verify', 'x/journal.db']);
    expect([code, out]).toEqual([EXIT.ok, 'x/journal.db: sound, 3 events in 1 stream\n']);
  });

  it('names the first bad event, and ends with 3', async () => {
    const damage = [
      { stream: 'breaker-moralis', revision: 7, detail: 'the hash is not that of its content' },
      { detail: 'the journal ends before what its witness saw' },
    ];
    const verify = (): Promise<VerifyReport> => Promise.resolve({ events: 9, streams: 2, damage });
    const { code, out } = await run(['verify', 'j.db'], { verify });
    expect(code).toBe(EXIT.damage);
    expect(out).toBe(
      [
        'j.db: DAMAGED, 9 events in 2 streams read',
        'first: breaker-moralis@7: the hash is not that of its content',
        'then:  the journal ends before what its witness saw',
        '',
      ].join('\n'),
    );
  });
});
