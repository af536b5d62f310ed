/** Which addresses may be listened on and spoken to in the open. */
import { shown } from './problem.js';
import type { Wrong } from './values.js';

/** Keys of upstreams travel to this URL: in the open only as far as this machine. */
export function checkBaseUrl(text: string, wrong: Wrong): void {
  const refuse = (rule: string): void => {
    wrong('base_url', rule, { value: shown(text) });
  };
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    refuse('must be a URL');
    return;
  }
  if (url.username !== '' || url.password !== '') refuse('must not contain a user or password');
  if (url.search !== '' || url.hash !== '') refuse('must not have a query or a fragment');
  if (url.protocol !== 'https:' && !isLoopback(url.hostname)) {
    refuse('must be https://..., or http://... on loopback');
  }
}

export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  return bare === 'localhost' || bare === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(bare);
}
