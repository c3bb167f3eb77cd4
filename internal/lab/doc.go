// Package lab builds small networks out of Linux network namespaces, inside
// one machine, and runs real kith processes in them. A test that uses it reads
// like a drawing:
//
//	net := lab.New(t)
//	lan := net.Switch("lan", lab.Line{Delay: 150 * time.Millisecond, Loss: 0.2})
//	ann, bob := net.Host("ann", lan), net.Host("bob", lan)
//	a, b := ann.Kith(lab.Kith{}), bob.Kith(lab.Kith{})
//	line := a.Run(t, "invite")
//	b.Run(t, "join", line)
//
// A host is a network namespace with a loopback and one network card, eth0; a
// switch is a bridge in a namespace of its own; a cable joins the two. All is
// named kithlab-PID-LAB-NAME, so `ip netns exec` reaches it while a test runs.
//
//	kithlab-…-ann         kithlab-…-lan          kithlab-…-bob
//	┌────────────┐    ┌───────────────────┐     ┌────────────┐
//	│ kith       │    │        br0        │     │       kith │
//	│ lo    eth0 ├════╡ port ann  port bob╞═════┤ eth0    lo │
//	│ 10.77.1.2  │    └───────────────────┘     │ 10.77.1.3  │
//	│ fd…:1::2   │     cable           cable    │ fd…:1::3   │
//	└────────────┘                              └────────────┘
//
// A switch without a [Line] has plain cables, veth pairs, as fast as the
// machine. With one, each cable is a pair of TAP devices, and between them two
// goroutines for each direction carry the frames:
//
//	eth0 ──read──▶ rate: wait for the wire, drop what would wait too long
//	               loss: toss a seeded coin
//	               delay, jitter: note when the frame is due ──▶ queue
//	queue ──▶ wait until due ──write──▶ port
//
// A frame from ann to bob crosses two cables, so each applies half of the
// line's delay and jitter, and the square root of its share of survivors. This
// stands in for netem, which many kernels of virtual machines do not have.
//
// An [Internet] has homes behind routers, of any [Kind], and a line between
// them:
//
//	net := lab.NewInternet(t, lab.Line{Delay: 20 * time.Millisecond})
//	hub := net.Host("hub") // with public addresses
//	home := net.Home(lab.PortRestricted)
//	ann, bob := home.Host("ann"), net.Home(lab.CarrierGrade).Host("bob")
//	home.MapPorts(lab.Mapping{UPnP: true})
//	home.Reboot()
//
//	      hub ═════╗ 11.77.0.2               the line is here
//	               ║                        ═════
//	               ║   ╔════════ backbone ════════╗
//	               ╚═══╝         ║                ║ 11.77.0.4
//	                       wan ╔═╩═════╗   wan ╔══╩════╗ a carrier's NAT
//	                           ║router1║       ║router2║
//	                       lan ╚═╦═════╝   lan ╚══╦════╝
//	                    192.168.1.1               ║ 100.64.2.1
//	                             ║            wan ╔╩══════╗
//	                   ann ══════╝                ║router3║
//	             192.168.1.2                  lan ╚╦══════╝
//	                                     bob ══════╝ 192.168.1.2
//
// A router is a namespace with nftables; switched off it is gone, and with it
// all that it knew.
// There is no name server: [Internet.Name] gives a host a name that the programs
// of all others find it by.
//
// No host of a lab can reach the machine's own network, nor the real internet.
// What a host cannot have of its own is shared: file system, clock, process
// table.
//
// [Here] is the machine itself as a host, for nodes that talk over loopback. It
// needs no root.
//
// Everything goes when the test ends. If the test process is killed, its nodes
// die with it, and the next lab on the machine sweeps the rest up.
//
// The lab needs Linux, root, iproute2, nftables and util-linux, and routers
// that map ports need miniupnpd with nftables. Elsewhere
// [Require], which [New] calls, skips the test and says what is missing; with
// KITH_LAB=must in the environment it fails the test instead, so that a
// machine meant to run these tests cannot lose them silently. Test files that
// use the package carry the linux build tag.
package lab
