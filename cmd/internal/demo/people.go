package demo

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"

	"sallyport/cmd/internal/api"
)

// addPeople makes alice and bob users of the built-in provider, with passwords of this run alone.
func (d *demo) addPeople(ctx context.Context) error {
	d.passwords = make(map[string]string)
	for name, group := range map[string]string{alice: aliceGroup, bob: bobGroup} {
		password := rand.Text()
		in := api.NewUser{Name: name, Groups: []string{group}, Password: &password, Create: true}
		if err := d.client.Do(ctx, "POST", "/users", nil, in, nil); err != nil {
			return fmt.Errorf("add user %s: %w", name, err)
		}
		d.passwords[name] = password
	}
	return nil
}

// signsIn signs alice in as the app's sign-in page does, and asks who the browser is.
func (d *demo) signsIn(ctx context.Context, _ string) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	browser, base := &http.Client{Jar: jar}, "http://"+d.server.Address("web")+"/api/v1"
	body, err := json.Marshal(map[string]string{"user": alice, "password": d.passwords[alice]})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/identity/password", bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := browser.Do(request)
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	response.Body.Close()
	if request, err = http.NewRequestWithContext(ctx, http.MethodGet, base+"/me", nil); err != nil {
		return err
	}
	if response, err = browser.Do(request); err != nil {
		return fmt.Errorf("ask who is signed in: %w", err)
	}
	defer response.Body.Close()
	var me struct {
		Name   string   `json:"name"`
		Groups []string `json:"groups"`
	}
	if err := json.NewDecoder(response.Body).Decode(&me); err != nil {
		return fmt.Errorf("ask who is signed in: %w", err)
	}
	if me.Name != alice {
		return fmt.Errorf("the browser is signed in as %q: %s", me.Name, response.Status)
	}
	d.say("   signed in as %s, of %v", me.Name, me.Groups)
	return nil
}
