// Package ssh is the gateway for SSH. Clients connect with what they have (ssh, scp, sftp, rsync,
// git, ansible, PuTTY) and see an SSH server; the target sees an ordinary client with a credential
// that no client ever has.
//
// References: RFC 4251 to 4254, RFC 4335 (break), RFC 8308 and 8332 (signatures), OpenSSH's PROTOCOL,
// PROTOCOL.certkeys, draft-ietf-secsh-filexfer-02 (SFTP version 3).
//
//	client                     relay                        log, enforcer          target
//	  | key exchange, sign-in    |                              |                     |
//	  |------------------------->| sign-in, access, Opened ---->| ack                 |
//	  |                          | key exchange, host key?, credential -------------->|
//	  | channel, pty, env, exec  |                              |                     |
//	  |------------------------->| decide ---------------------->| verdict             |
//	  |                          | Command, Verdict, Terminal -->| ack                 |
//	  |                          |--------------------------- channel, pty, env, exec->|
//	  | input                    | Bytes IN -------------------->| ack                 |
//	  |------------------------->|-------------------------------------------- input ->|
//	  |                          |<------------------------------------- output, exit -|
//	  |<-- output, exit ---------| Bytes OUT, Result ----------->|                     |
//
// A connection is a session: one principal on one target, on one account. Its channels are the
// session's commands: a shell, a command line, the SFTP subsystem, a forwarded connection. Several
// may run at once.
//
// # Ways in
//
// The user name is PRINCIPAL+TARGET or PRINCIPAL+TARGET+LOGIN. PRINCIPAL alone jumps: each
// direct-tcpip channel of such a connection names a target by its host name, and ends in an SSH
// server of the gateway's own, so that what passes is seen and not just carried. A client proves
// itself with a token as password or on a prompt, with a registered key, or with a certificate
// of the gateway's authority of clients, which ends with the token that it was issued for; or it shows the
// link at which a person signs in with a browser, and waits for that (Device). A key
// that is offered and not signed with proves nothing, and nothing of one attempt counts in another.
//
// The gateway's host key is certified by its authority of hosts. Both legs speak only
// algorithms that are not known to be weak; a target can be excepted (legacy). What a target
// proves itself with is declared: there is no trust on first use.
//
// # Masks, observation, restricted shells
//
// What a program writes goes through the masks of its verdict before it is recorded and delivered (mask.go). What is typed
// on a terminal is observed (watch.go, package observe), which is no barrier. A target whose mode is restricted gives a
// shell of the gateway's own, whose lines are decided and run one by one (restricted.go, package restricted).
//
// For a principal who is excepted from a mask there are two forms of the output (mask.Twin):
//
//	target        output           mask.Twin                     log            client
//	  | bytes        |                 |                           |               |
//	  |------------->|---------------->| recorded, shown, spans    |               |
//	  |              |<----------------|                           |               |
//	  |              | recorded: Bytes, as everybody's ----------->|               |
//	  |              | spans: Concealed (sealed, with their place) |               |
//	  |              |------------------------------------------------- shown ---->|
//
// A span says which bytes of the recorded form of that stream of the command its data stood in place of; put there, all
// of them give what was shown. Each is sealed for who is excepted from all rules that found something in it, and
// is on its way to the log before it is delivered; where the target is strict, what is shown waits until both are.
// In a restricted shell the shell's own output does this for its lines.
//
// Input is recorded through the same masks, and sent as it is (intake.go). A stream's mask holds back the last word, so
// what of a piece is not told yet is announced by its size before it is sent, as with echoes. What files hold is
// recorded in the same way, both ways, as far as they are moved in order (content.go), and moved as it is: who must not see
// what a mask hides does not read files.
//
// # What is recorded
//
// Command lines with their verdict, before they reach the target; the terminal's type and sizes; the
// environment that was passed on; input before it is forwarded and output before it is delivered;
// signals; exit statuses. Of terminal input that the target does not echo, a password most
// likely, a marker: see echo.go. Of SFTP each operation with its verdict and result, what
// is moved, as masks leave it, and its digest, or that alone. The same of what the old scp moves over a command (scp.go); of its
// conversation, that is all there is. Forwarded connections with their bytes.
//
// # What is refused
//
// Agent and X11 forwarding, unix sockets, tunnels, subsystems other than sftp, environment variables
// that the target does not list, and every channel, request and SFTP operation that is not named
// here. A refused command has a line on standard error and exit status 1, an SFTP operation
// SSH_FX_PERMISSION_DENIED, a file of the old scp a warning of scp's, a channel or forward the protocol's own failure. A
// session that is refused altogether says so to the first command on it.
//
// # How the gateway ends a session
//
// The target is cut off first. Each session channel is then told why on standard error, given exit status 255 and
// closed, and the connection ends when the client has closed them, too, or after final_notice. A command that
// ends because of that leaves its channel to who ends the session (aside.go).
//
// # What is held
//
// A shell, a command, an operation on a file, a forward. The request for a channel is answered at once, so
// that the client can be told on standard error; Ctrl-C on a terminal withdraws, and so
// does leaving. Of a forward only those hear who have another channel open.
package ssh
