/**
 * Every setting: type, default and one line of documentation, declared once.
 * `pennypost config show`, `--help` and docs/settings.md are made from this table.
 * A setting's name is its room and its word: `smtp.maxMessageBytes`; its unit stands in the name.
 */
import { checkAnnotationBytes, checkAnnotations, checkDnsServers, checkEventTypes, checkPortOffset, checkProviderUrl, checkRanges, checkUrls } from './configChecks.ts'

export type SettingType = 'text' | 'count' | 'bytes' | 'ms' | 'flag' | 'texts' | 'msList' | 'number'

export interface Setting<T> {
  readonly type: SettingType
  readonly default: T
  readonly sentence: string
  /** The words allowed, for a `text` of few choices. */
  readonly oneOf?: readonly T[]
  /** What a value of the right type is expected to be, when it is not that. */
  readonly check?: (value: T) => string | undefined
}

const text = (value: string, sentence: string): Setting<string> => ({ type: 'text', default: value, sentence })
/** One word of a few. */
const choice = <T extends string>(value: T, oneOf: readonly T[], sentence: string): Setting<T> => ({ type: 'text', default: value, sentence, oneOf })
const count = (value: number, sentence: string): Setting<number> => ({ type: 'count', default: value, sentence })
const number = (value: number, sentence: string): Setting<number> => ({ type: 'number', default: value, sentence })
const bytes = (value: number, sentence: string): Setting<number> => ({ type: 'bytes', default: value, sentence })
const ms = (value: number, sentence: string): Setting<number> => ({ type: 'ms', default: value, sentence })
const flag = (value: boolean, sentence: string): Setting<boolean> => ({ type: 'flag', default: value, sentence })
const texts = (value: readonly string[], sentence: string): Setting<readonly string[]> => ({ type: 'texts', default: value, sentence })
const msList = (value: readonly number[], sentence: string): Setting<readonly number[]> => ({ type: 'msList', default: value, sentence })

const checked = <T>(setting: Setting<T>, check: NonNullable<Setting<T>['check']>): Setting<T> => ({ ...setting, check })

const seconds = 1000
const minutes = 60 * seconds
const hours = 60 * minutes
const days = 24 * hours
const KiB = 1024
const MiB = 1024 * KiB

export const settings = {
  server: {
    hostname: text('', 'The name this server has in greetings, Received lines and HELO; empty means the name of the machine.'),
    listen: text('127.0.0.1', 'The address to listen on; 0.0.0.0 or :: for every one.'),
    portOffset: checked(count(0, 'Added to every port: 25, 587, 465, 143, 993, 110, 995 and 80.'), checkPortOffset),
    proxyTrusted: checked(texts([], 'Addresses or CIDR ranges whose PROXY protocol line (v1 or v2) is demanded and believed.'), checkRanges),
    stopGraceMs: ms(20 * seconds, 'How long sessions may finish what they have in hand when the server stops.'),
    logLevel: choice('info', ['debug', 'info', 'warn', 'error'], 'The least important thing that is told.'),
  },
  dns: {
    servers: checked(texts([], 'DNS servers as ADDRESS or ADDRESS:PORT; empty means those of the machine.'), checkDnsServers),
    timeoutMs: ms(5 * seconds, 'How long one DNS question may take.'),
    cacheMs: ms(5 * minutes, 'How long an answer without a time to live of its own is believed.'),
    cacheAnswers: count(20_000, 'The most DNS answers remembered.'),
  },
  queue: {
    inboundAtOnce: count(4, 'Batches of received messages checked and filed side by side.'),
    gatherMs: ms(1 * seconds, 'While mail keeps coming in, how long received messages may gather before they are checked and filed together, so that receiving goes first; 0 for not at all. One that comes alone is filed at once.'),
    outboundAtOnce: count(4, 'Batches of messages whose destinations are looked up side by side.'),
    deliveryAtOnce: count(100, 'Messages delivered to other servers side by side.'),
    visibilityMs: ms(15 * minutes, 'A message whose worker does not answer for this long is given to another.'),
    straysAfterMs: ms(14 * days, 'How old the content of a large message is when it is given back although no note in a queue names it; a crash may leave such.'),
    maxReceives: count(20, 'Failures after which a message is put among the dead letters, where `queue list` shows it.'),
  },
  tls: {
    certificateFile: text('', 'The certificate chain (PEM); empty means tls/cert.pem in the data directory, made there when missing.'),
    keyFile: text('', 'Its private key (PEM); empty means tls/key.pem in the data directory.'),
    clientCaFile: text('', 'Certificates (PEM) of authorities whose clients log in by a certificate with their address in it (EXTERNAL) instead of a password; empty for none.'),
    lookEveryMs: ms(1 * minutes, 'How often the files are looked at for a new certificate; 0 for never.'),
    renewBeforeMs: ms(30 * days, 'How long before its end the certificate of a deployment on AWS is renewed.'),
  },
  /* smtp: see lib/serve/smtp */
  smtp: {
    maxMessageBytes: bytes(50 * MiB, 'The largest message taken, in octets; announced by SIZE.'),
    maxRecipients: count(1000, 'The most recipients of one message.'),
    maxConnections: count(1000, 'The most connections at once on one SMTP port; 0 means any number.'),
    maxConnectionsPerAddress: count(100, 'The same for one IPv4 address or one IPv6 /64.'),
    maxCommandBytes: bytes(2 * KiB, 'The longest command line, in octets with its line end; answers inside an AUTH exchange may have 12288 (RFC 4954).'),
    maxCommands: count(3000, 'The most commands without an accepted message among them; then the session ends.'),
    maxBadCommands: count(20, 'The most commands that are unknown, malformed or out of order; then the session ends.'),
    maxUnknownRecipients: count(20, 'The most refused recipients of one session, so that addresses cannot be guessed; then it ends.'),
    maxLineBytes: bytes(1 * MiB, 'The longest line of a message. RFC 5321 demands 998 octets, much real mail has more; memory does not depend on it.'),
    maxHops: count(100, 'Received lines from which on a message is taken to be in a loop.'),
    bareLineEnds: choice('refuse', ['refuse', 'repair'], 'What becomes of a message with a bare CR or LF: refused, or each made into CR LF. It never ends the message.'),
    idleTimeoutMs: ms(5 * minutes, 'How long a client may be silent between commands.'),
    dataTimeoutMs: ms(3 * minutes, 'How long a client may be silent inside a message.'),
    sessionMs: ms(1 * hours, 'How long a session may last in all; a client then comes back with what is left.'),
    bannerDelayMs: ms(0, 'How long the greeting is held back; a client that speaks before it is refused. 0 greets at once.'),
    tarpitMs: ms(0, 'How long each answer to a refused recipient is held back.'),
    messagesPerAddress: count(0, 'The most messages from one IPv4 address or IPv6 /64 in one window on port 25; 0 means any number.'),
    windowMs: ms(1 * hours, 'The window in which messages per address and per account are counted.'),
    postmaster: text('', 'The address meant by RCPT TO:<postmaster>; empty means postmaster of the domain that this server is in, or of the first domain here.'),
  },
  /* submission */
  submission: {
    messagesPerAccount: count(3000, 'The most messages one account may submit in one window (smtp.windowMs); 0 means any number.'),
    maxSessionsPerAccount: count(50, 'The most sessions that one account may have at once; 0 means any number.'),
    maxAuthFailures: count(3, 'Failed logins after which a session ends.'),
    checkFrom: flag(true, 'Refuse a message whose From field names an address that is not the user\'s own.'),
    hideClient: flag(false, 'Leave the address and name of the user\'s machine out of the Received field; the log has them.'),
    maxHeaderBytes: bytes(256 * KiB, 'The longest header section of a submitted message, in octets.'),
  },
  /* imap: see lib/serve/imap */
  imap: {
    maxConnections: count(2000, 'The most IMAP connections on one port at once; 0 for no limit.'),
    maxConnectionsPerAddress: count(100, 'The most IMAP connections on one port from one IPv4 address or IPv6 /64 at once; 0 for no limit.'),
    loginTimeoutMs: ms(2 * minutes, 'How long a client may take until it has logged in.'),
    idleTimeoutMs: ms(30 * minutes, 'How long a client that has logged in may be silent, and how long one IDLE may last.'),
    literalTimeoutMs: ms(5 * minutes, 'How long a client may be silent in the middle of a command.'),
    writeTimeoutMs: ms(5 * minutes, 'How long a client may read nothing of an answer before the connection is ended.'),
    maxLineBytes: bytes(64 * KiB, 'The longest line of a command, in octets.'),
    maxCommandBytes: bytes(256 * KiB, 'The longest command with its literals, in octets; the message of APPEND does not count.'),
    maxCommandBytesBeforeLogin: bytes(8 * KiB, 'The same before login.'),
    maxLiterals: count(100, 'The most literals in one command.'),
    maxBadCommands: count(20, 'So many bad commands in a row end the connection.'),
    maxLoginFailures: count(3, 'So many failed logins end the connection.'),
    maxAppendMessages: count(1000, 'The most messages in one APPEND.'),
    messageLimit: count(0, 'The most messages that one FETCH, SEARCH, STORE, COPY, MOVE or APPEND works on (MESSAGELIMIT); 0 for any number. Clients expect 1000 at least.'),
    saveLimit: count(0, 'The same for COPY and APPEND alone (SAVELIMIT), where the other is 0.'),
    newsEveryMs: ms(1 * seconds, 'Commands that name messages by UID first look for what other processes have done when the last look is older than this.'),
    minBatchMessages: count(500, 'The smallest batch that UIDBATCHES makes, in messages.'),
    maxBatchedMessages: count(100_000, 'The most messages in the batches that one UIDBATCHES names by their numbers.'),
    otherUsersName: text('Other Users', 'Below this name clients see the mailboxes that other users share with theirs, each below its owner\'s address; empty for nowhere.'),
    sharedName: text('Shared', 'Below this name clients see the mailboxes of the shared account of their domain (accounts.sharedUser); empty for nowhere.'),
    searchDepth: count(50, 'How deeply the keys of a SEARCH may be nested.'),
    searchKeys: count(2000, 'The most keys in one SEARCH.'),
    unauthenticate: flag(true, 'Let clients log out and in again on one connection (UNAUTHENTICATE, RFC 8437).'),
    maxSearchContexts: count(20, 'The most searches of one session whose results are watched (RFC 5267 UPDATE).'),
  },
  /* pop3: see lib/serve/pop3 */
  pop3: {
    maxConnections: count(1000, 'The most POP3 connections on one port at once; 0 for no limit.'),
    maxConnectionsPerAddress: count(50, 'The most POP3 connections on one port from one IPv4 address or IPv6 /64 at once; 0 for no limit.'),
    loginTimeoutMs: ms(1 * minutes, 'How long a client may take for its next line before it has logged in.'),
    idleTimeoutMs: ms(10 * minutes, 'How long a client that has logged in may be silent; then the session ends and deletes nothing. RFC 1939 demands 10 minutes at least.'),
    writeTimeoutMs: ms(5 * minutes, 'How long a client may read nothing of an answer before the connection is ended.'),
    maxLineBytes: bytes(4 * KiB, 'The longest line of a client, in octets.'),
    maxBadCommands: count(20, 'So many bad commands in a row end the connection.'),
    maxAuthFailures: count(3, 'Failed logins after which the connection is ended.'),
    leaseMs: ms(1 * minutes, 'How long the maildrop of a session whose process has died stays closed to others.'),
  },
  /* accounts: see lib/mail/accounts */
  accounts: {
    detailSeparator: text('+', 'Between user and detail in a sub-address (user+detail); empty means there are none. An address that exists as a whole comes first.'),
    defaultDomain: text('', 'The domain meant by a login without one; empty means a login is a whole address.'),
    sharedUser: text('shared', 'The user of each domain, where there is one, whose mailboxes are those of the domain: others see them where they are shared with them, the postmaster sees and changes all. Empty for none.'),
    quotaBytes: bytes(0, 'What one account may hold; 0 means any amount. A user may have their own.'),
    quotaMessages: count(0, 'How many messages one account may hold; 0 means any number. A user may have their own.'),
    quotaMailboxes: count(0, 'How many mailboxes one account may have; 0 means as many as mailbox.maxMailboxes. A user may have their own.'),
    quotaAnnotationBytes: bytes(1 * MiB, 'What all annotations (METADATA) of one account may have together; 0 means any amount. They are in memory while the account is.'),
    domainQuotaBytes: bytes(0, 'What all accounts of one domain may hold together; 0 means any amount. A domain may have its own.'),
    maxAliasTargets: count(80, 'The most targets of one alias, at most 90; an alias may be a target of another.'),
    maxAppPasswords: count(50, 'The most app passwords of one user, at most 80.'),
    minPasswordLength: count(8, 'The fewest characters of a new password.'),
    maxPasswordBytes: bytes(1 * KiB, 'The longest password, in octets of UTF-8.'),
    hashesAtOnce: count(2, 'Passwords hashed side by side in one process; others wait, so that logins do not starve the rest.'),
    scryptCost: count(15, 'Cost of the scrypt hash of new passwords: base-2 logarithm of N. One hash takes 1024 * 2^cost octets of memory.'),
    scryptParallel: count(3, 'The p of scrypt: makes a hash slower without more memory.'),
    scramIterations: count(65_536, 'Iterations of SCRAM-SHA-256 for new passwords; RFC 7677 demands 4096 at least, and many clients (all that use Cyrus SASL) refuse more than 65536.'),
    allowInsecureLogin: choice('never', ['never', 'loopback'], 'Whether passwords may come without TLS: never, or from this machine.'),
    failuresPerAddress: count(30, 'Different failed logins from one IPv4 address or IPv6 /64 in one window that lock it for accounts.lockMs; 0 for never.'),
    failuresPerAccount: count(10, 'Different failed logins of one account in one window that lock it for accounts.lockMs, save for addresses it logged in from lately; 0 for never.'),
    failureWindowMs: ms(15 * minutes, 'The window in which failed logins are counted.'),
    lockMs: ms(15 * minutes, 'How long an address or account stays locked after too many failed logins; a new password ends the lock of an account.'),
    failureDelayMs: ms(1 * seconds, 'How long the answer to a failed login is held back, times the failures of its address in the window.'),
    failureDelayMostMs: ms(8 * seconds, 'The longest that such an answer is held back.'),
    failuresTracked: count(50_000, 'The most addresses, and the most accounts, whose failures are remembered in one process.'),
    knownAddresses: count(20, 'The most addresses of an account that are remembered because it logged in from there.'),
    knownAddressMs: ms(30 * days, 'How long such an address is remembered.'),
    rememberPasswordMs: ms(10 * minutes, 'How long a password that was right is remembered (as a keyed digest, in memory), so that it costs no slow hash again; 0 for not at all.'),
    rememberPasswords: count(10_000, 'The most passwords remembered so.'),
  },
  /* oauth: see lib/mail/accounts/openId.ts */
  oauth: {
    issuer: checked(text('', 'The OpenID provider whose tokens log in (OAUTHBEARER, XOAUTH2), as it calls itself, such as https://login.example.org; empty for none.'), checkProviderUrl),
    audience: text('', 'What its tokens must be made for; without one none is taken.'),
    userClaim: text('email', 'The claim of a token that holds the address of the user.'),
    scope: text('', 'A scope that tokens must have; empty for none.'),
    jwksUrl: checked(text('', 'Where its keys are; empty means where its discovery document says.'), checkProviderUrl),
    clockToleranceMs: ms(1 * minutes, 'How far its clock may be away from ours.'),
    keysMs: ms(10 * minutes, 'How long its keys are kept before they are asked for again.'),
    timeoutMs: ms(5 * seconds, 'How long it may take to answer.'),
  },
  /* inbound: see lib/mail/inbound */
  inbound: {
    checks: flag(true, 'Check SPF, DKIM, DMARC and ARC of mail from clients that are not trusted.'),
    spam: flag(true, 'Score mail from clients that are not trusted.'),
    trusted: checked(texts(['127.0.0.0/8', '::1/128'], 'Addresses or CIDR ranges whose mail is neither checked nor scored.'), checkRanges),
    checkTimeoutMs: ms(20 * seconds, 'How long all DNS questions of one message may take together; later ones count as temporary errors.'),
    checkMaxDnsQuestions: count(120, 'The most DNS questions asked for one message.'),
    checkMaxSignatures: count(10, 'The most DKIM signatures verified in one message; later ones are not looked at.'),
    maxHeaderBytes: bytes(1 * MiB, 'The longest header section of a message that is checked, in octets; one with a longer one is refused.'),
    maxHeaderLines: count(5000, 'The most lines in it, continuation lines counted. The time that checks take grows with their square.'),
    checkMinKeyBits: count(1024, 'RSA keys shorter than this make no valid signature.'),
    arcTrusted: texts([], 'Domains whose ARC seals are believed: a DMARC pass they saw keeps a message from being refused.'),
    junkScore: number(5, 'Spam score from which a message goes to Junk; a domain may have its own.'),
    refuseScore: number(15, 'Spam score from which a message is refused; a domain may have its own.'),
    detailToMailbox: flag(false, 'File mail to user+detail into the mailbox named detail when there is one.'),
    aliasDepth: count(10, 'How many aliases may lead from one to the next.'),
    aliasTargets: count(1000, 'The most targets that one recipient may expand to.'),
    deferOverQuota: flag(false, 'Keep trying a full mailbox for inbound.deferForMs instead of bouncing at once.'),
    deferForMs: ms(2 * days, 'How long mail for a full mailbox is kept when inbound.deferOverQuota is on.'),
    deferEveryMs: ms(15 * minutes, 'How often a full mailbox is tried again.'),
    srsMaxAgeDays: count(21, 'How many days a bounce to a rewritten (SRS) address is taken.'),
    releaseAfterMs: ms(1 * hours, 'How long the content of a large message stays in transit after it was filed, should its note be handed out twice.'),
  },
  /* outbound: see lib/mail/outbound */
  outbound: {
    port: count(25, 'The port of other servers that take mail for their domains.'),
    allowLoopback: flag(false, 'Deliver to MX hosts with loopback, private or link-local addresses too; no by default, since whoever writes to us could name them in their DNS.'),
    ipv6: choice('after', ['first', 'after', 'off'], 'Whether a host is tried by its IPv6 addresses before its IPv4 ones, after them, or not at all.'),
    maxHosts: count(5, 'The most MX hosts of one domain that are looked at.'),
    maxAddresses: count(8, 'The most addresses tried in one attempt, all hosts together.'),
    maxRecipientsPerDelivery: count(100, 'The most recipients of one message in one transaction; more become deliveries of their own.'),
    connectionsPerDestination: count(5, 'The most connections at once to one set of MX hosts or one smarthost.'),
    messagesPerConnection: count(100, 'The most messages sent over one connection.'),
    idleMs: ms(5 * seconds, 'How long a connection is kept open for the next message.'),
    placeMs: ms(15 * seconds, 'How long a delivery waits for a free connection to its destination before it steps back into the queue; at once when more wait for this one than queue.deliveryAtOnce leaves free for others.'),
    downMs: ms(1 * minutes, 'How long an address that could not be reached is passed over.'),
    attemptMs: ms(14 * minutes, 'How long one attempt may take in all; less than queue.visibilityMs, or two would overlap.'),
    connectMs: ms(30 * seconds, 'How long a connection may take to open, and a TLS handshake.'),
    commandMs: ms(5 * minutes, 'How long a server may take for its greeting and for an answer to EHLO, STARTTLS, AUTH, MAIL, RCPT and RSET.'),
    dataStartMs: ms(2 * minutes, 'How long a server may take to answer DATA.'),
    dataBlockMs: ms(3 * minutes, 'How long a server may read nothing of a message.'),
    dataEndMs: ms(10 * minutes, 'How long a server may take to answer the end of a message.'),
    quitMs: ms(5 * seconds, 'How long a server may take to answer QUIT.'),
    maxReplyBytes: bytes(32 * KiB, 'The longest reply read from a server.'),
    smarthostVerify: flag(true, 'Demand a valid certificate of a smarthost that is reached by TLS; those of MX hosts are never demanded, as few have one.'),
    retryMs: msList([5, 10, 15, 30, 30, 30, 60, 90, 120, 180, 240].map((each) => each * minutes), 'How long to wait after each attempt; the last one repeats. By default attempts come 5, 15 and 30 minutes after the first one, every 30 to the second hour, then ever more rarely down to every 4 hours.'),
    expireMs: ms(5 * days, 'How long delivery is tried in all before a message bounces.'),
    warnMs: ms(4 * hours, 'How late a message is when its sender is told of the delay.'),
    contentMs: ms(1 * hours, 'How long the content of a large message is kept after its delivery, should a queue hand it out a second time.'),
    bounceFullBytes: bytes(64 * KiB, 'The largest message that comes back whole in a bounce, if the sender may want it; of a larger one only the header does. At most 512 KiB.'),
    bounceHeaderBytes: bytes(64 * KiB, 'The most of a header that comes back in a bounce, in octets.'),
  },
  /* engine: see lib/engine/embedded */
  engine: {
    inlineBlobBytes: bytes(256 * KiB, 'The largest blob kept inside the database; larger ones become files.'),
    backOffFirstMs: ms(1 * seconds, 'How long a note rests after its first failure in a queue; twice as long after each further one.'),
    backOffMostMs: ms(15 * minutes, 'The longest rest of a failing note.'),
  },
  /* aws: see lib/engine/aws; backOffFirstMs and backOffMostMs hold there too */
  aws: {
    sqsDelayMs: ms(15 * minutes, 'Notes due later than this wait in the table, where the queue commands see and change them; sooner ones wait in SQS, which is cheaper. At most 15 minutes.'),
    sweepAheadMs: ms(90 * seconds, 'How far the sweep of each minute looks ahead for notes to hand over to SQS.'),
    pollMs: ms(20 * seconds, 'How long a look for notes or bells waits for some.'),
    rowBodyBytes: bytes(3 * KiB, 'The largest body of a waiting note kept in its row; larger ones become objects, which cost less from there on.'),
    partBytes: bytes(8 * MiB, 'Octets of a message held in memory on its way into the bucket; at least 5MiB.'),
    tries: count(6, 'Tries of a call to AWS that is throttled or fails, the first one included.'),
    timeoutMs: ms(10 * seconds, 'How long one try may take.'),
    bellMs: ms(1 * hours, 'How long a task that waits for news of an account is believed to, should it end without a word.'),
  },
  /* events: see lib/mail/events and docs/events.md; only `types` holds on AWS, where events go to EventBridge */
  events: {
    urls: checked(texts([], 'Where events are sent as they happen, by HTTP POST; docs/events.md says what they are. Empty for nowhere.'), checkUrls),
    secretFile: text('', 'The file with the secret that signs them; empty means events-secret in the data directory, made there when missing.'),
    types: checked(texts([], 'The types of events that are sent; empty for all.'), checkEventTypes),
    batch: count(50, 'The most events in one request, all of one account.'),
    atOnce: count(4, 'Requests to one URL side by side, each for another account.'),
    timeoutMs: ms(10 * seconds, 'How long a request may take.'),
    retryMs: msList([1 * seconds, 5 * seconds, 30 * seconds, 2 * minutes, 10 * minutes, 30 * minutes], 'How long to wait after each failure; the last one repeats.'),
    giveUpMs: ms(1 * days, 'How long a receiver that is there may refuse an event until it is passed over; 0 for ever. One that cannot be reached is waited for without end.'),
    lookEveryMs: ms(1 * minutes, 'How often accounts with unsent events are looked for, should a signal be lost.'),
  },
  /* mailbox: see lib/mail/mailbox */
  mailbox: {
    idleAccounts: count(500, 'The most accounts kept in memory that nobody uses; the one used last stays longest.'),
    idleMessages: count(1_000_000, 'The most messages that accounts kept in memory without use may have together; each takes about 40 octets. The one used last may have more.'),
    lookEveryMs: ms(1 * minutes, 'How often the log of an account is looked at for news while a client waits for them, should a signal be lost.'),
    appendTries: count(100, 'How often a change is tried again because other processes changed the same account first.'),
    snapshotEntries: count(1000, 'Changes of an account after which its state is written down, so that it opens fast; 0 for never.'),
    snapshotBytes: bytes(1 * MiB, 'Octets of changes after which the same is done.'),
    maxMailboxes: count(10_000, 'The most mailboxes of one account; 0 means any number.'),
    maxNameBytes: bytes(1000, 'The longest name of a mailbox with its levels, in octets of UTF-8.'),
    maxAclEntries: count(200, 'The most identifiers that one mailbox can be shared with; 0 means any number.'),
    maxAnnotationBytes: checked(bytes(16 * KiB, 'The largest annotation (METADATA) of a mailbox or an account. RFC 5464 demands 1 KiB at least; 48 KiB at most.'), checkAnnotationBytes),
    maxAnnotations: checked(count(100, 'The most annotations of one mailbox or account that all see, and the most that one user has there; 0 means any number. RFC 5464 demands 10 at least.'), checkAnnotations),
    maxKeywords: count(1000, 'The most different keywords in one mailbox; 0 means any number.'),
    searchDirectly: count(100, 'Up to so many messages a search, sort or thread reads one by one before the account has an index; more of them make one.'),
    indexBatchMessages: count(1024, 'Messages after which a piece of an index is written down; until then it is in memory, and is made anew by the next process.'),
    indexMessageBytes: bytes(1 * MiB, 'Octets of headers and text of one message that go into the index of words; what is longer is looked at by each search.'),
    indexCacheBytes: bytes(256 * MiB, 'Octets of indexes that one process keeps in memory for all accounts.'),
    retentionMs: ms(30 * days, 'How long the content of messages that were removed is kept, so that they can be brought back, and each change of flags, before old ones are merged.'),
    sweepEveryMs: ms(1 * days, 'How often each account is looked at for content whose time is over.'),
    straysEveryMs: ms(7 * days, 'How often each account is looked at for blobs that a broken-off writing has left and for old changes of flags; this reads its whole log.'),
  },
}

type Values<T> = { readonly [R in keyof T]: { readonly [S in keyof T[R]]: T[R][S] extends Setting<infer V> ? V : never } }

/** The settings as the rooms get them: `config.smtp.maxMessageBytes`. */
export type Config = Values<typeof settings>

export function defaultConfig(): Config {
  return Object.fromEntries(Object.entries(settings).map(([room, words]) => [room, Object.fromEntries(Object.entries(words).map(([word, setting]: [string, Setting<unknown>]) => [word, setting.default]))])) as unknown as Config
}
