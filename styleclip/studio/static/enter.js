// Goes on to the studio without the token in the address; what stands behind # stays.
location.replace("./" + location.hash);
