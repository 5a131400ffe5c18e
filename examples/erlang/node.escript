#!/usr/bin/env escript
%% A node in Erlang, written from docs/protocol.md: gen_tcp's {packet, 4} is the framing of a TcpNetwork.
%%
%%   escript node.escript dial HOST PORT SELF PEER   dials PEER there, asks it 'double' and prints the answer
%%   escript node.escript listen SELF                listens on a free port, which it prints, and does the same
%%                                                   with whoever dials it
%%
%% Either way it answers the request 'sum', a list of integers, until its standard input ends or its peer leaves.
%% Real programs read JSON with a library (OTP 27 has one); here it is taken apart by what it is known to look like.

-define(OPTIONS, [binary, {packet, 4}, {active, true}, {nodelay, true}]).

main(["dial", Host, Port, Self, Peer]) ->
    {ok, Socket} = gen_tcp:connect(Host, list_to_integer(Port), ?OPTIONS),
    say(Socket, Self, [{kind, "control"}, {type, "hello"}, {to, Peer}, {payload, greeting("\"codecs\":[\"json\"]")}]),
    await(Socket, "welcome"),
    talk(Socket, Self, Peer);
main(["listen", Self]) ->
    {ok, Listener} = gen_tcp:listen(0, [{ip, {127, 0, 0, 1}} | ?OPTIONS]),
    {ok, Port} = inet:port(Listener),
    io:format("listening ~b~n", [Port]),
    {ok, Socket} = gen_tcp:accept(Listener),
    Hello = await(Socket, "hello"),
    {match, [Peer]} = re:run(Hello, "\"from\":\"([^\"]+)\"", [{capture, [1], list}]),
    Welcome = greeting(["\"node\":\"", Self, "\",\"codec\":\"json\""]),
    say(Socket, Self, [{kind, "control"}, {type, "welcome"}, {payload, Welcome}]),
    talk(Socket, Self, Peer).

talk(Socket, Self, Peer) ->
    Input = self(),
    spawn_link(fun() -> eof = io:get_line(""), Input ! stop end),
    say(Socket, Self, [{kind, "request"}, {type, "double"}, {to, Peer}, {ttl, 5000}, {payload, "21"}]),
    loop(Socket, Self).

loop(Socket, Self) ->
    receive
        {tcp, Socket, Frame} ->
            [io:format("double 21 is ~s~n", [Answer]) || [Answer] <- all(Frame, "\"kind\":\"response\".*?\"payload\":([0-9]+)")],
            [answer(Socket, Self, Request) || Request <- all(Frame, request())],
            loop(Socket, Self);
        {tcp_closed, Socket} ->
            io:format("the peer left~n");
        stop ->
            say(Socket, Self, [{kind, "control"}, {type, "goodbye"}, {payload, "{}"}]),
            gen_tcp:close(Socket)
    end.

%% The id of each request 'sum', who asks, and the numbers. A frame may be one message or a list of them.
request() -> "\"id\":\"([^\"]+)\",\"kind\":\"request\",\"type\":\"sum\",\"from\":\"([^\"]+)\".*?\"payload\":\\[([0-9,]*)\\]".

answer(Socket, Self, [Id, From, Numbers]) ->
    Sum = lists:sum([list_to_integer(Number) || Number <- string:lexemes(Numbers, ",")]),
    say(Socket, Self, [{kind, "response"}, {type, "sum"}, {to, From}, {re, Id}, {payload, integer_to_list(Sum)}]).

greeting(More) ->
    ["{\"role\":\"collaborator\",\"instance\":\"", instance(), "\",\"version\":\"erlang\",", More, "}"].

%% Drawn once at the start of the process: it tells a restart from a reconnect.
instance() ->
    case get(instance) of
        undefined -> put(instance, integer_to_list(rand:uniform(1 bsl 60), 36)), get(instance);
        Known -> Known
    end.

say(Socket, Self, Fields) ->
    Id = [instance(), $-, integer_to_list(erlang:unique_integer([positive, monotonic]))],
    All = [{v, 1}, {id, Id}, {from, Self}, {ts, erlang:system_time(millisecond)} | Fields],
    ok = gen_tcp:send(Socket, [${, lists:join($,, [field(Name, Value) || {Name, Value} <- All]), $}]).

field(Name, Value) when is_integer(Value); Name =:= payload -> [$", atom_to_list(Name), $", $:, text(Value)];
field(Name, Value) -> [$", atom_to_list(Name), $", $:, $", Value, $"].

text(Value) when is_integer(Value) -> integer_to_list(Value);
text(Value) -> Value.

await(Socket, Verb) ->
    receive
        {tcp, Socket, Frame} ->
            case re:run(Frame, ["\"kind\":\"control\",\"type\":\"", Verb, "\""]) of
                {match, _} -> Frame;
                nomatch -> io:format(standard_error, "refused: ~s~n", [Frame]), halt(1)
            end;
        {tcp_closed, Socket} -> io:format(standard_error, "the connection ended before the ~s~n", [Verb]), halt(1)
    end.

all(Frame, Pattern) ->
    case re:run(Frame, Pattern, [global, {capture, all_but_first, list}]) of
        {match, Found} -> Found;
        nomatch -> []
    end.
