/** One line of the tables of messages: how a request is read, and how an answer is made a message. */
import type { Json } from '../../../kernel/types.js';
import type { Asked, StreamMessages, UnaryMessages } from './port.js';
import type { Change } from './shape.js';

/** What is needed of a generated message: reads proto3 JSON, with REST's names. */
type Codec<Response extends object> = { readonly fromJSON: (json: unknown) => Response };

const asIs: Change = (value) => value;

export function unary<Response extends object>(
  asked: (request: never) => Asked,
  response: Codec<Response>,
  change: Change = asIs,
): UnaryMessages {
  const entry: UnaryMessages<never, Response> = {
    asked,
    response: (answer) => response.fromJSON(change(answer)),
  };
  return entry;
}

/** `change` gets the value of an item, which is JSON already: items are spelt as REST spells them. */
export function stream<Response extends object>(
  asked: (request: never) => Asked,
  response: Codec<Response>,
  change: Change = asIs,
): StreamMessages {
  const entry: StreamMessages<never, Response> = {
    asked,
    response: ({ value }) => response.fromJSON(change(value as Json)),
  };
  return entry;
}
