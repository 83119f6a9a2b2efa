/**
 * Once a day: the server's certificate is renewed when it ends soon; the front sees the new one within an hour.
 *
 * Reads PENNYPOST_BUCKET, PENNYPOST_ZONE, PENNYPOST_ACME_DIRECTORY, PENNYPOST_ACME_CONTACT and PENNYPOST_SETTINGS
 * (`server.hostname`, `tls.renewBeforeMs`). May: read, write and list `tls/` of the bucket, change the TXT record
 * `_acme-challenge` of the hostname, and ask for changes of zones.
 */
import type { Context } from 'aws-lambda'
import { systemClock } from '#lib/base/clock.ts'
import { demandConfigText } from '#lib/configFile.ts'
import { makeAwsClients } from '#lib/engine/aws/clients.ts'
import { tlsObjects } from '#lib/engine/aws/tlsObjects.ts'
import { demandVariable, readCredentials } from '../environment.ts'
import { once } from '../once.ts'
import { makeSignedCall } from '#lib/engine/aws/signedCall.ts'
import { openVoice } from '../voice.ts'
import type { Voice } from '../voice.ts'
import { makeZone } from '../zone.ts'
import { challengeRecords } from './challengeRecords.ts'
import { renewCertificate } from './renew.ts'
import type { RenewDeps } from './renew.ts'

export function makeHandler(open: () => Promise<RenewDeps & { readonly voice: Voice }>): (event: unknown, context: Context) => Promise<void> {
  const opened = once(open)
  return async (_event, context) => {
    const { voice, ...deps } = await opened()
    voice.begin(context)
    try {
      await renewCertificate(deps)
    } finally {
      voice.end()
    }
  }
}

export const handler = makeHandler(async () => {
  const environment = process.env
  const config = demandConfigText(environment['PENNYPOST_SETTINGS'] ?? '', 'PENNYPOST_SETTINGS')
  const voice = openVoice('renew-certificate', config.server.logLevel)
  const zone = makeZone({ call: makeSignedCall(readCredentials(environment)), clock: systemClock, zoneId: demandVariable(environment, 'PENNYPOST_ZONE') })
  return {
    voice,
    log: voice.log,
    clock: systemClock,
    kept: tlsObjects(makeAwsClients(config.aws).s3, demandVariable(environment, 'PENNYPOST_BUCKET'), environment['PENNYPOST_TLS_KEY']),
    dns: challengeRecords(zone),
    directoryUrl: demandVariable(environment, 'PENNYPOST_ACME_DIRECTORY'),
    contact: environment['PENNYPOST_ACME_CONTACT'] ?? '',
    names: [config.server.hostname],
    renewBeforeMs: config.tls.renewBeforeMs,
  }
})
