/** The facts of a collector, past tense. Messages: proto/headgate/events/v1/collector.proto. */
import * as gen from '../../gen/headgate/events/v1/collector.js';
import { factCodec } from '../codec.js';

export type CollectorFact =
  | ({ readonly type: 'CollectorRegistered' } & gen.CollectorRegistered)
  | ({ readonly type: 'CollectorConfigured' } & gen.CollectorConfigured)
  | ({ readonly type: 'CollectorEnabled' } & gen.CollectorEnabled)
  | ({ readonly type: 'CollectorDisabled' } & gen.CollectorDisabled)
  | ({ readonly type: 'CollectorSuspended' } & gen.CollectorSuspended)
  | ({ readonly type: 'SuspensionLifted' } & gen.SuspensionLifted)
  | ({ readonly type: 'CollectorConnected' } & gen.CollectorConnected)
  | ({ readonly type: 'RunStarted' } & gen.RunStarted)
  | ({ readonly type: 'RunProgressed' } & gen.RunProgressed)
  | ({ readonly type: 'RunSucceeded' } & gen.RunSucceeded)
  | ({ readonly type: 'RunFailed' } & gen.RunFailed)
  | ({ readonly type: 'RunUnknown' } & gen.RunUnknown)
  | ({ readonly type: 'RunBlocked' } & gen.RunBlocked)
  | ({ readonly type: 'DrainStarted' } & gen.DrainStarted)
  | ({ readonly type: 'CollectorStopped' } & gen.CollectorStopped)
  | ({ readonly type: 'RestartRequested' } & gen.RestartRequested)
  | ({ readonly type: 'CursorSet' } & gen.CursorSet);

export const collectorCodec = factCodec<CollectorFact>({
  CollectorRegistered: { message: gen.CollectorRegistered },
  CollectorConfigured: { message: gen.CollectorConfigured },
  CollectorEnabled: { message: gen.CollectorEnabled },
  CollectorDisabled: { message: gen.CollectorDisabled },
  CollectorSuspended: { message: gen.CollectorSuspended },
  SuspensionLifted: { message: gen.SuspensionLifted },
  CollectorConnected: { message: gen.CollectorConnected },
  RunStarted: { message: gen.RunStarted },
  RunProgressed: { message: gen.RunProgressed },
  RunSucceeded: { message: gen.RunSucceeded },
  RunFailed: { message: gen.RunFailed },
  RunUnknown: { message: gen.RunUnknown },
  RunBlocked: { message: gen.RunBlocked },
  DrainStarted: { message: gen.DrainStarted },
  CollectorStopped: { message: gen.CollectorStopped },
  RestartRequested: { message: gen.RestartRequested },
  CursorSet: { message: gen.CursorSet },
});
