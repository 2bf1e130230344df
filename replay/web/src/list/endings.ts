// How a session ended, in words.

export interface Ending {
  short: string // for a badge; empty where there is nothing to say
  tone: '' | 'bad' | 'warn'
  long: string
}

export const endings: Record<string, Ending> = {
  client: { short: '', tone: '', long: 'The client disconnected.' },
  target: { short: 'target closed', tone: 'warn', long: 'The target closed the connection.' },
  killed: { short: 'killed', tone: 'bad', long: 'Somebody ended this session.' },
  expired: { short: 'expired', tone: 'warn', long: 'The access or the token ran out, and the session with it.' },
  limit: { short: 'limit', tone: 'warn', long: 'A configured limit ended this session.' },
  error: { short: 'error', tone: 'bad', long: 'An error ended this session.' },
  shutdown: { short: 'shutdown', tone: '', long: 'The gateway was shut down.' },
  gateway_lost: {
    short: 'gateway lost',
    tone: 'warn',
    long:
      'The gateway that carried this session stopped without saying goodbye: a crash, a power cut, or a network that parted. ' +
      'Everything that it had been told was recorded is here. What it may have been about to record is declared as lost.',
  },
}
