/** All generated messages of the services, by name. */
import * as admin from '../../src/gen/headgate/v1/admin_service.js';
import * as collectors from '../../src/gen/headgate/v1/collector_service.js';
import * as history from '../../src/gen/headgate/v1/history_service.js';
import * as permits from '../../src/gen/headgate/v1/permit_service.js';
import * as records from '../../src/gen/headgate/v1/record_service.js';

export type Codec = {
  readonly fromJSON: (json: unknown) => object;
  readonly toJSON: (message: never) => unknown;
  readonly encode: (message: never) => { finish: () => Uint8Array };
  readonly decode: (bytes: Uint8Array) => object;
};

const all: Readonly<Record<string, unknown>> = {
  ...admin,
  ...collectors,
  ...history,
  ...permits,
  ...records,
};

function isCodec(value: unknown): value is Codec {
  return typeof value === 'object' && value !== null && 'fromJSON' in value && 'encode' in value;
}

export const GENERATED: Readonly<Record<string, Codec>> = Object.fromEntries(
  Object.entries(all).filter((entry): entry is [string, Codec] => isCodec(entry[1])),
);
