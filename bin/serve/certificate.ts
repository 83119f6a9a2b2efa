/**
 * The certificate's files: made at the first start, looked at now and then for a new one.
 * A pair that cannot be used leaves the old one in use and is told once.
 */
import { X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errorFields } from '#lib/base/log.ts'
import type { Log } from '#lib/base/log.ts'
import type { Config } from '#lib/config.ts'
import { TlsKeeper, makeSelfSigned } from '#lib/serve/tls.ts'
import { CommandError } from '../commandError.ts'

interface CertificateFiles {
  readonly certificate: string
  readonly key: string
}

export interface Certificate {
  readonly keeper: TlsKeeper
  /** Ends the looking. */
  stop(): void
}

export interface CertificateDeps {
  readonly dataDirectory: string
  readonly settings: Config['tls']
  readonly hostname: string
  readonly log: Log
}

/** @throws {CommandError} when the files are no certificate and its key */
export async function openCertificate(deps: CertificateDeps): Promise<Certificate> {
  const files = await findFiles(deps)
  const keeper = load(files, deps.settings.clientCaFile)
  return { keeper, stop: watch(files, keeper, deps) }
}

async function findFiles({ dataDirectory, settings, hostname, log }: CertificateDeps): Promise<CertificateFiles> {
  const { certificateFile, keyFile } = settings
  if ((certificateFile === '') !== (keyFile === '')) throw new CommandError('tls.certificateFile and tls.keyFile belong together: set both or neither')
  if (certificateFile !== '') return { certificate: certificateFile, key: keyFile }
  const folder = join(dataDirectory, 'tls')
  const files = { certificate: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
  if (existsSync(files.certificate) || existsSync(files.key)) return files
  await writeSelfSigned(folder, hostname)
  log.info('certificate-made', { file: files.certificate, hostname })
  return files
}

/** Both files or none: a start cut short between them would leave a pair that cannot be used. */
async function writeSelfSigned(folder: string, hostname: string): Promise<void> {
  const { certPem, keyPem } = await makeSelfSigned(hostname)
  const fresh = `${folder}.${process.pid}`
  mkdirSync(fresh, { recursive: true, mode: 0o700 })
  writeFileSync(join(fresh, 'key.pem'), keyPem, { mode: 0o600 })
  writeFileSync(join(fresh, 'cert.pem'), certPem)
  try {
    renameSync(fresh, folder)
  } catch (error) {
    rmSync(fresh, { recursive: true })
    throw new CommandError(`${folder} holds other files but no cert.pem and key.pem: put them there, or take the folder away and one is made (${(error as Error).message})`)
  }
}

function load({ certificate, key }: CertificateFiles, clientCaFile: string): TlsKeeper {
  const clientCa = clientCaFile === '' ? undefined : readClientCa(clientCaFile)
  try {
    return TlsKeeper.fromPem(readFileSync(certificate, 'utf8'), readFileSync(key, 'utf8'), clientCa)
  } catch (error) {
    throw new CommandError(`${certificate} and ${key} cannot be used as certificate and private key: ${(error as Error).message}`)
  }
}

function readClientCa(file: string): string {
  try {
    const pem = readFileSync(file, 'utf8')
    // Throws for what is no certificate.
    new X509Certificate(pem)
    return pem
  } catch (error) {
    throw new CommandError(`${file} (tls.clientCaFile) cannot be used as certificates: ${(error as Error).message}`)
  }
}

function watch(files: CertificateFiles, keeper: TlsKeeper, { settings, log }: CertificateDeps): () => void {
  let seen = stampOf(files)
  const look = (): void => {
    const stamp = stampOf(files)
    if (stamp === seen) return
    seen = stamp
    try {
      keeper.reload(readFileSync(files.certificate, 'utf8'), readFileSync(files.key, 'utf8'))
      log.info('certificate-loaded', { file: files.certificate })
    } catch (error) {
      // Also while only one of the two has been replaced: the other one changes the stamp again.
      log.warn('certificate-refused', { file: files.certificate, ...errorFields(error) })
    }
  }
  if (settings.lookEveryMs === 0) return () => undefined
  const timer = setInterval(look, settings.lookEveryMs)
  return () => clearInterval(timer)
}

function stampOf({ certificate, key }: CertificateFiles): string {
  return [certificate, key]
    .map((file) => {
      const stats = statSync(file, { throwIfNoEntry: false })
      return stats === undefined ? 'none' : `${stats.ino}:${stats.mtimeMs}:${stats.size}`
    })
    .join(' ')
}
