-- Customers that Stripe has deleted, whose payer has another there by now, or none. What is told of
-- them still is theirs: a payment of before may be refunded.
create table former_customers (
    stripe text collate "C" check (substr(stripe, 1, 4) = 'cus_') primary key,
    payer uuid not null references customers (id)
);
create index former_customers_payer on former_customers (payer);
