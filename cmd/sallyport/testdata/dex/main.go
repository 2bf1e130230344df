// Command dex is a real OpenID provider for the tests: Dex's server package with everything in
// memory. It is a module of its own, so that nobody who builds Sallyport links it.
//
// Users alice@example.com (groups eng, oncall) and bob@example.com (dba), password "password".
// Clients: gateway (secret gateway-secret; authorization code with PKCE, refresh tokens) and robot
// (secret robot-secret; client credentials).
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/dexidp/dex/server"
	"github.com/dexidp/dex/server/authflow"
	"github.com/dexidp/dex/server/session"
	"github.com/dexidp/dex/server/signer"
	"github.com/dexidp/dex/server/tokens"
	"github.com/dexidp/dex/storage"
	"github.com/dexidp/dex/storage/memory"
	"golang.org/x/crypto/bcrypt"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:15556", "address; the issuer is http://ADDRESS/dex")
	redirect := flag.String("redirect", "", "the gateway's one redirect address")
	groups := flag.String("group", "eng", "alice's group besides oncall")
	flag.Parse()
	if err := run(*listen, *redirect, *groups); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(listen, redirect, group string) error {
	const life = time.Hour
	ctx, issuer := context.Background(), "http://"+listen+"/dex"
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	kept := memory.New(logger)
	kept = storage.WithStaticPasswords(kept, []storage.Password{
		{Email: "alice@example.com", Username: "alice", UserID: "u-alice", Hash: hash("password"), Groups: []string{group, "oncall"}},
		{Email: "bob@example.com", Username: "bob", UserID: "u-bob", Hash: hash("password"), Groups: []string{"dba"}},
	}, logger)
	kept = storage.WithStaticClients(kept, []storage.Client{
		{ID: "gateway", Secret: "gateway-secret", Name: "Sallyport", RedirectURIs: []string{redirect}},
		{ID: "robot", Secret: "robot-secret", Name: "Robot", RedirectURIs: []string{"http://127.0.0.1/"}},
	})
	kept = storage.WithStaticConnectors(kept, []storage.Connector{{ID: "local", Type: "local", Name: "Password"}})
	local := signer.LocalConfig{KeysRotationPeriod: "6h"}
	sign, err := local.Open(ctx, kept, life, time.Now, logger)
	if err != nil {
		return err
	}
	refresh, err := tokens.NewRefreshTokenPolicy(logger, false, "24h", "72h", "0s")
	if err != nil {
		return err
	}
	s, err := server.NewServer(ctx, server.Config{
		Issuer: issuer, Storage: kept, Logger: logger, Signer: sign, SkipApprovalScreen: true, IDTokensValidFor: life,
		AllowedGrantTypes:  []string{"authorization_code", "refresh_token", "client_credentials"},
		RefreshTokenPolicy: refresh, PKCE: authflow.PKCEConfig{}, Web: server.WebConfig{Issuer: "Dex"},
		SessionConfig: &session.Config{CookieName: "dex_session", AbsoluteLifetime: 8 * time.Hour, ValidIfNotUsedFor: time.Hour, SSOSharedWithDefault: "all"},
	})
	if err != nil {
		return err
	}
	sign.Start(ctx)
	return (&http.Server{Addr: listen, Handler: s, ReadHeaderTimeout: 10 * time.Second}).ListenAndServe()
}

func hash(password string) []byte {
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost)
	if err != nil {
		panic(err) // a constant password of a throwaway server
	}
	return h
}
