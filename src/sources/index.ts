/** The door of the sources' room. */
export { configCatalogue, keyVariablesOf, sourceCatalogue, sourceNamed } from './catalogue.js';
export { fitsSchema, jsonBody, requestUrl } from './exchange.port.js';
export { undiciTransport, type UndiciTransport } from './http.undici.js';
export { withBaseUrl } from './profile.js';
export { userSources, type LoadedSources } from './user-modules.js';
