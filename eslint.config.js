/** The house rules a linter can hold (CONTRIBUTING.md). `test/unit/guards-lint.test.ts` breaks each. */
import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

const TIME = 'Time and chance are arguments: take a Clock or a Random (src/kernel).';

/** Shapes the house does without, as syntax. */
const SHAPES = [
  {
    selector: ':matches(ClassDeclaration, ClassExpression):not([superClass.name=/Error$/])',
    message: 'Classes are for errors only: extend HeadgateError, or use a type and functions.',
  },
  { selector: 'TSEnumDeclaration', message: 'Use a const map and a derived union.' },
  { selector: 'TSModuleDeclaration[kind!="global"]', message: 'Files are the namespaces.' },
  { selector: 'ExportAllDeclaration', message: 'Name what is exported: no `export *`.' },
];

const NO_DEFAULT_EXPORT = [
  { selector: 'ExportDefaultDeclaration', message: 'Export by name.' },
  { selector: 'ExportSpecifier[exported.name="default"]', message: 'Export by name.' },
];

/** Where time and chance come from; allowed in the kernel and in what tests and benchmarks stand on. */
const CLOCKS = [
  { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: TIME },
  { selector: 'CallExpression[callee.name="Date"]', message: TIME },
];

const CLOCK_RULES = {
  'no-restricted-properties': [
    'error',
    { object: 'Date', property: 'now', message: TIME },
    { object: 'Math', property: 'random', message: TIME },
    { object: 'performance', property: 'now', message: TIME },
    { object: 'process', property: 'hrtime', message: TIME },
    { object: 'globalThis', property: 'setTimeout', message: TIME },
    { object: 'globalThis', property: 'setInterval', message: TIME },
  ],
  'no-restricted-globals': [
    'error',
    { name: 'setTimeout', message: TIME },
    { name: 'setInterval', message: TIME },
  ],
  'no-restricted-imports': [
    'error',
    {
      paths: ['node:timers', 'node:timers/promises', 'timers', 'timers/promises'].map((name) => ({
        name,
        message: TIME,
      })),
    },
  ],
};

const RULES = {
  'no-restricted-syntax': ['error', ...SHAPES, ...NO_DEFAULT_EXPORT, ...CLOCKS],
  ...CLOCK_RULES,
  'no-console': 'error',
  eqeqeq: 'error',
  'prefer-const': 'error',
  'max-lines': ['error', { max: 300 }],
  'max-lines-per-function': ['error', { max: 70, skipComments: true, skipBlankLines: true }],
  complexity: ['error', 15],
  'max-depth': ['error', 4],
  'max-params': ['error', 5],
  '@typescript-eslint/consistent-type-imports': [
    'error',
    { prefer: 'type-imports', fixStyle: 'separate-type-imports' },
  ],
  '@typescript-eslint/consistent-type-exports': 'error',
  '@typescript-eslint/no-import-type-side-effects': 'error',
  '@typescript-eslint/switch-exhaustiveness-check': [
    'error',
    { considerDefaultExhaustiveForUnions: true },
  ],
  '@typescript-eslint/ban-ts-comment': ['error', { 'ts-expect-error': 'allow-with-description' }],
  '@typescript-eslint/no-unused-vars': [
    'error',
    { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'all' },
  ],
  // Promises are started on purpose with `void`; a callback that returns one is checked all the same.
  '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
};

/** What stands outside the product: may read the clock and print. */
const NO_CLOCK_RULES = {
  'no-restricted-syntax': ['error', ...SHAPES, ...NO_DEFAULT_EXPORT],
  'no-restricted-properties': 'off',
  'no-restricted-globals': 'off',
  'no-restricted-imports': 'off',
};

/** The whole rule set for a checkout at `root`. */
export function headgateRules(root) {
  return tseslint.config(
    {
      ignores: ['dist/', 'node_modules/', 'coverage/', 'data/', 'src/gen/', '.tmp/', '**/*.d.mts'],
    },
    { linterOptions: { noInlineConfig: true, reportUnusedDisableDirectives: 'error' } },
    eslint.configs.recommended,
    {
      files: ['**/*.ts'],
      extends: [tseslint.configs.strictTypeChecked],
      languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: root } },
      rules: RULES,
    },
    { files: ['src/kernel/**/*.ts'], rules: NO_CLOCK_RULES },
    { files: ['src/cli/**/*.ts', 'src/main.ts'], rules: { 'no-console': 'off' } },
    {
      files: ['test/**/*.ts'],
      rules: {
        // A describe block is a function, and a table of cases is long without being complex.
        'max-lines-per-function': 'off',
        'max-lines': ['error', { max: 500 }],
      },
    },
    {
      files: ['test/support/**/*.ts', 'bench/**/*.ts', 'scripts/**/*.ts'],
      rules: { ...NO_CLOCK_RULES, 'no-console': 'off' },
    },
    {
      files: ['*.config.ts', '*.d.ts'],
      rules: { 'no-restricted-syntax': ['error', ...SHAPES] },
    },
    {
      files: ['**/*.{js,mjs}'],
      languageOptions: { globals: { console: 'readonly', process: 'readonly' } },
    },
  );
}

export default headgateRules(import.meta.dirname);
