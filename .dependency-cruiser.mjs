/**
 * The arrows of docs: which room may import which, and the one home of each driver
 * (CONTRIBUTING.md). `test/unit/guards-arrows.test.ts` breaks each rule once.
 */

const FOUNDATION = ['^src/kernel/', '^src/gen/'];
/** Two patterns, because dependency-cruiser refuses one with nested repetition as unsafe. */
const PORTS = [
  '^src/(journal|sources|records)/port\\.ts$',
  '^src/(journal|sources|records)/[^/]+\\.port\\.ts$',
];
/** The configuration's door and its pieces. */
const CONFIG = '^src/config(\\.ts$|/)';
const JOURNAL_PORT = '^src/journal/port\\.ts$';
const ACTORS_DOOR = '^src/actors/(index|engine)\\.ts$';
const ACTORS_KIND_DOORS = '^src/actors/[^/]+/index\\.ts$';
const ACTORS_FACTS = '^src/actors/[^/]+/events\\.ts$';
const PROJECTIONS_DOOR = '^src/projections/(index|views)\\.ts$';
const CLUSTER_DOOR = '^src/cluster/index\\.ts$';

/** A room and what it may import of ours, besides itself. */
function layer(name, ...may) {
  return {
    name: `room-${name}`,
    comment: `src/${name} may import of ours only: ${may.length === 0 ? 'nothing' : may.join(' ')}`,
    severity: 'error',
    from: { path: `^src/${name}/` },
    to: { path: '^src/', pathNot: [`^src/${name}/`, ...may] },
  };
}

/** A driver package and the only files that may import it. */
function driver(name, ...homes) {
  return {
    name: `driver-${name}`,
    comment: `${name} may be imported only in: ${homes.join(' ')}`,
    severity: 'error',
    from: { path: '^src/', pathNot: homes },
    to: { path: `(^|/)node_modules/(@types/)?${name.replace('/', '\\/')}(/|$)` },
  };
}

export default {
  forbidden: [
    layer('kernel'),
    layer('gen'),
    layer('journal', ...FOUNDATION),
    layer('sources', ...FOUNDATION),
    layer('records', ...FOUNDATION),
    layer('notify', ...FOUNDATION),
    layer('telemetry', ...FOUNDATION),
    layer('testing', ...FOUNDATION, '^src/sources/'),
    layer('actors', ...FOUNDATION, ...PORTS),
    layer('projections', ...FOUNDATION, JOURNAL_PORT, ACTORS_FACTS),
    layer('cluster', ...FOUNDATION, JOURNAL_PORT),
    layer(
      'gateway',
      ...FOUNDATION,
      JOURNAL_PORT,
      ACTORS_DOOR,
      ACTORS_KIND_DOORS,
      PROJECTIONS_DOOR,
      CLUSTER_DOOR,
    ),
    layer(
      'cli',
      ...FOUNDATION,
      JOURNAL_PORT,
      '^src/journal/index\\.ts$',
      ACTORS_DOOR,
      ACTORS_KIND_DOORS,
      PROJECTIONS_DOOR,
      CLUSTER_DOOR,
    ),
    {
      name: 'room-config',
      comment: 'configuration stands on the kernel alone',
      severity: 'error',
      from: { path: CONFIG },
      to: { path: '^src/', pathNot: [CONFIG, '^src/kernel/'] },
    },
    {
      name: 'composition-on-top',
      comment: 'nobody imports the composition root, the process or its configuration',
      severity: 'error',
      // src/app/ and src/config/ are the pieces of the files beside them.
      from: { path: '^src/[^/]+/', pathNot: ['^src/app/', CONFIG] },
      to: { path: ['^src/[^/]+\\.ts$', '^src/app/', CONFIG] },
    },

    driver('better-sqlite3', '\\.sqlite\\.ts$'),
    driver('@kurrent/kurrentdb-client', '\\.kurrentdb\\.ts$'),
    driver('ioredis', '\\.redis\\.ts$'),
    driver('prom-client', '\\.prometheus\\.ts$'),
    driver('pino', '\\.pino\\.ts$'),
    driver('xstate', '^src/actors/'),
    driver(
      '@grpc/grpc-js',
      '^src/gateway/grpc/',
      '^src/cluster/',
      '^src/cli/',
      '^src/gen/headgate/v1/',
    ),
    driver('fastify', '^src/gateway/rest/'),
    driver('jose', '^src/gateway/auth/'),
    driver('undici', '^src/sources/', '^src/notify/'),
    driver('commander', '^src/cli/'),
    driver('yaml', CONFIG),

    {
      name: 'src-never-imports-test',
      comment: 'what ships does not know its tests, benchmarks or scripts',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|scripts)/' },
    },
    {
      name: 'src-never-imports-dev-packages',
      comment: 'a package that is not installed in production',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['npm', 'type-only'] },
    },
    {
      name: 'no-cycles',
      comment: 'two modules that need each other are one module, or three',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-unresolvable',
      comment: 'an import that leads nowhere',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^src/gen/google/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      mainFields: ['main', 'types'],
    },
  },
};
